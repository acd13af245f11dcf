/**
 * The buyer: judges quotes, signs vouchers within its limits, keeps allocations ahead, pays peers without
 * vouchers.
 *
 * Source: design section 5.
 *
 * @module
 */
import { join } from 'node:path'
import { assert } from '../../base/assert.ts'
import { toHex } from '../../base/bytes.ts'
import { CodedError, codeOf } from '../../base/errors.ts'
import { BUYER_DEFAULTS, type Buyer, type BuyerSettings, type BuyerStatus, type Purchase } from '../buyer.ts'
import { type BuyerRecord, type OpenBatch, SpendBook } from '../spend-book.ts'
import { Allocator } from './allocator.ts'
import { type Journal, openJournal } from './journal.ts'
import type { MoneyParts } from './parts.ts'
import { JournalPurchase, type PurchaseLimits } from './purchase.ts'

const JOURNAL_RECORDS_MAX = 20_000
/** Payees per batch: some 60,000 gas each, well inside a block. */
const PAYEES_PER_BATCH = 100

/** @throws {CodedError<'JOURNAL_LOCKED' | 'JOURNAL_DAMAGED' | 'JOURNAL_FAILED'>} */
export async function createBuyer(settings: Partial<BuyerSettings>, parts: MoneyParts): Promise<Buyer> {
  assert(parts.driver.can.channel && parts.driver.can.batch, 'this driver has channels and batches')
  const journal = await openJournal<BuyerRecord>(join(parts.dir, 'buyer.journal'))
  const buyer = new JournalBuyer({ ...BUYER_DEFAULTS, ...settings }, parts, journal)
  await buyer.start()
  return buyer
}

class JournalBuyer implements Buyer {
  readonly #settings: BuyerSettings
  readonly #parts: MoneyParts
  readonly #journal: Journal<BuyerRecord>
  readonly #book = new SpendBook()
  readonly #allocator: Allocator
  readonly #paying = new Set<Promise<void>>()
  #closed = false

  constructor(settings: BuyerSettings, parts: MoneyParts, journal: Journal<BuyerRecord>) {
    this.#settings = settings
    this.#parts = parts
    this.#journal = journal
    this.#allocator = new Allocator({ settings, parts, book: this.#book })
  }

  async start(): Promise<void> {
    for (const record of this.#journal.records) this.#book.apply(record)
    if (this.#journal.count > JOURNAL_RECORDS_MAX) await this.#journal.rewrite(() => this.#book.records())
    if (this.#book.salt === undefined) await this.#newChannel()
    for (const open of this.#book.openBatches) this.#pay(open).catch(() => {})
  }

  get address() {
    return this.#parts.wallet.address
  }

  purchase(limits: PurchaseLimits): Purchase {
    if (this.#closed) throw new CodedError('BUYER_CLOSED', 'the buyer is closed')
    return new JournalPurchase(limits, {
      settings: this.#settings,
      parts: this.#parts,
      book: this.#book,
      allocator: this.#allocator,
      note: (record) => this.#note(record),
      append: (record) => this.#journal.append(record),
    })
  }

  async settle({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const aborted = new Promise<never>((_, reject) => {
      if (signal?.aborted === true) reject(signal.reason)
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    await Promise.race([this.#payAll(), aborted])
  }

  async startClose(): Promise<void> {
    const { channel } = this.#allocator
    await this.#parts.settler.settle(`close-${toHex(channel)}`, { type: 'start-close', channel })
    await this.#allocator.refresh()
  }

  async finishClose(): Promise<void> {
    const { channel } = this.#allocator
    const { settler, random } = this.#parts
    await settler.settle(`finish-${toHex(random.bytes(16))}`, { type: 'finish-close', channel })
    await settler.settle(`withdraw-${toHex(random.bytes(16))}`, { type: 'withdraw' })
    await this.#newChannel()
    this.#allocator.forget()
  }

  status(): BuyerStatus {
    const view = this.#allocator.view
    const trouble = this.#allocator.lastErrorCode
    return {
      channel: this.#allocator.channel,
      spentWei: this.#book.totalWei,
      depositWei: view?.depositWei ?? 0n,
      allocatedWei: view?.allocatedWei ?? 0n,
      accruedWei: this.#book.accruedWei,
      paidWithoutVouchersWei: this.#book.paidWei,
      ...(trouble === undefined ? {} : { allocationTrouble: trouble }),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#allocator.stopped()
    await this.#journal[Symbol.asyncDispose]()
  }

  /** The salt is on disk before a channel can be opened with it. */
  #newChannel(): Promise<void> {
    return this.#note({ type: 'channel', salt: this.#parts.random.bytes(32) })
  }

  /** In memory first: limits count it at once. */
  #note(record: BuyerRecord): Promise<void> {
    this.#book.apply(record)
    return this.#journal.append(record)
  }

  async #payAll(): Promise<void> {
    await Promise.all(this.#paying)
    for (;;) {
      const payments = this.#book.due(PAYEES_PER_BATCH)
      if (payments.length === 0) return
      const batch = this.#parts.random.bytes(32)
      await this.#note({ type: 'batch', batch, payments })
      await this.#pay({ batch, payments })
    }
  }

  #pay(open: OpenBatch): Promise<void> {
    const paying = this.#payNow(open).finally(() => this.#paying.delete(paying))
    this.#paying.add(paying)
    return paying
  }

  /**
   * A batch is in both journals under its id and has one id on chain: it is paid once, however often this
   * runs.
   */
  async #payNow({ batch, payments }: OpenBatch): Promise<void> {
    try {
      await this.#parts.settler.settle(`pay-${toHex(batch)}`, { type: 'pay', batch, payments })
      await this.#note({ type: 'batch-paid', batch })
    } catch (error) {
      if (codeOf(error) !== 'SETTLEMENT_FAILED') throw error
      const done = await this.#parts.driver.batchDone(batch)
      await this.#note({ type: done ? 'batch-paid' : 'batch-failed', batch })
      if (!done) throw error
    }
  }
}
