/**
 * The seller: quotes for connections, vouchers kept durably before they are acknowledged, claims.
 *
 * Source: design section 5. What it knows of the chain are the allocations last seen; it looks often while
 * a session waits for one, and every `claimIntervalMs` otherwise, which is far below the closing delay.
 *
 * @module
 */
import { join } from 'node:path'
import { assert } from '../../base/assert.ts'
import { toHex } from '../../base/bytes.ts'
import { CodedError } from '../../base/errors.ts'
import type { SellerTerms } from '../../tally/terms.ts'
import { encodeQuote, type Quote, quoteDigest } from '../quote.ts'
import {
  SELLER_DEFAULTS,
  type Seller,
  type SellerSession,
  type SellerSettings,
  type SellerStatus,
} from '../seller.ts'
import { type SellerRecord, VoucherBook } from '../voucher-book.ts'
import { ChannelWatch } from './channel-watch.ts'
import { Claimer } from './claimer.ts'
import { type Journal, openJournal } from './journal.ts'
import type { MoneyParts } from './parts.ts'
import { SaleSession } from './sale-session.ts'

const LANES_RESERVED = 1024
const LANES_LOW = 256
const LANE_MAX = 0xffff_ffff
const UNIT_BYTES = 16_384
/** Design section 3: with less, a buyer could not verify anything to sign for. */
const UNITS_PER_WINDOW = 2
const FREE_WINDOWS_REMEMBERED_MAX = 65_536
const TICK_MS = 100
const JOURNAL_RECORDS_MAX = 50_000

/** @throws {CodedError<'JOURNAL_LOCKED' | 'JOURNAL_DAMAGED' | 'JOURNAL_FAILED'>} */
export async function createSeller(settings: Partial<SellerSettings>, parts: MoneyParts): Promise<Seller> {
  assert(parts.driver.can.channel, 'this driver has channels')
  const journal = await openJournal<SellerRecord>(join(parts.dir, 'seller.journal'))
  const seller = new JournalSeller({ ...SELLER_DEFAULTS, ...settings }, parts, journal)
  await seller.start()
  return seller
}

class JournalSeller implements Seller {
  readonly #settings: SellerSettings
  readonly #parts: MoneyParts
  readonly #journal: Journal<SellerRecord>
  readonly #book = new VoucherBook()
  readonly #watch: ChannelWatch
  readonly #claimer: Claimer
  readonly #sessions = new Set<SaleSession>()
  readonly #freeWindowsTaken = new Set<string>()
  #nextLane = 0
  #reserving: Promise<void> | undefined
  #compacting: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(settings: SellerSettings, parts: MoneyParts, journal: Journal<SellerRecord>) {
    this.#settings = settings
    this.#parts = parts
    this.#journal = journal
    this.#watch = new ChannelWatch({
      settings,
      parts,
      book: this.#book,
      note: (record) => this.#note(record),
    })
    this.#claimer = new Claimer({
      settings,
      parts,
      book: this.#book,
      watch: this.#watch,
      note: (record) => this.#note(record),
      isLive: (lane) => [...this.#sessions].some((session) => session.lane === lane),
    })
  }

  async start(): Promise<void> {
    for (const record of this.#journal.records) this.#book.apply(record)
    this.#nextLane = this.#book.lanesBelow
    await this.#reserveLanes()
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref()
  }

  get address() {
    return this.#parts.wallet.address
  }

  terms({ share, priceWeiPerMib, unitBytes = UNIT_BYTES }: SellerSession): SellerTerms {
    if (this.#closed) throw new CodedError('SELLER_CLOSED', 'the seller is closed')
    const { wallet, driver, clock, random } = this.#parts
    const { network } = driver
    const quote: Quote = {
      chainId: network.chainId,
      genesis: network.genesis,
      channels: network.channels,
      share,
      payee: wallet.address,
      lane: this.#takeLane(),
      priceWeiPerMib: priceWeiPerMib ?? this.#settings.priceWeiPerMib,
      windowBytes: Math.max(this.#settings.windowBytes, UNITS_PER_WINDOW * unitBytes),
      unitBytes,
      expiresS: Math.floor(clock.nowMs() / 1000) + this.#settings.quoteLifeS,
      nonce: random.bytes(32),
    }
    const digest = quoteDigest(quote)
    const session = new SaleSession({
      quote,
      quoteBytes: encodeQuote({ ...quote, signature: wallet.signNow(digest) }),
      digest,
      parts: this.#parts,
      book: this.#book,
      watch: this.#watch,
      note: (record) => this.#note(record),
      takeFreeWindow: (channel) => this.#takeFreeWindow(channel),
      ended: (ended) => {
        this.#sessions.delete(ended)
        this.#tick()
      },
    })
    this.#sessions.add(session)
    return session
  }

  async settle({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const aborted = new Promise<never>((_, reject) => {
      if (signal?.aborted === true) reject(signal.reason)
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    await Promise.race([this.#claimer.claimAll(), aborted])
  }

  status(): SellerStatus {
    return {
      ...this.#claimer.status(),
      channels: this.#book.channelIds.length,
      sessions: this.#sessions.size,
      uncoveredSessions: this.#uncoveredSessions(),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#timer)
    this.#claimer.stop()
    await Promise.allSettled([this.#reserving, this.#compacting])
    await this.#watch.stopped()
    await this.#journal[Symbol.asyncDispose]()
  }

  #uncoveredSessions(): number {
    return [...this.#sessions].filter((session) => session.usesFreeWindow).length
  }

  /**
   * In memory first, so that a journal that is rewritten meanwhile has it; acknowledged when it is on disk.
   */
  #note(record: SellerRecord): Promise<void> {
    this.#book.apply(record)
    return this.#journal.append(record)
  }

  #tick(): void {
    if (this.#closed) return
    const active = [...this.#sessions].flatMap(({ channel }) => (channel === undefined ? [] : [channel]))
    const waiting = new Set([...this.#sessions].flatMap((session) => session.waitsForCover))
    this.#watch.tick(active, (channel) => waiting.has(toHex(channel)))
    this.#claimer.tick()
    if (this.#book.lanesBelow - this.#nextLane < LANES_LOW) this.#reserving ??= this.#reserveLanes()
    if (this.#journal.count < JOURNAL_RECORDS_MAX || this.#compacting !== undefined) return
    this.#compacting = this.#journal.rewrite(() => this.#book.records(this.#parts.clock.nowMs()))
    this.#compacting.finally(() => {
      // Stays set when little was gained, so that a large book is not rewritten over and over.
      if (this.#journal.count < JOURNAL_RECORDS_MAX / 2) this.#compacting = undefined
    })
  }

  #takeFreeWindow(channel: Uint8Array): boolean {
    const key = toHex(channel)
    if (this.#freeWindowsTaken.has(key)) return false // one per channel: wait for an allocation
    if (this.#uncoveredSessions() >= this.#settings.uncoveredSessionsMax) {
      throw new CodedError(
        'TOO_MANY_UNCOVERED',
        'too many buyers without an allocation now: come back with one',
      )
    }
    if (this.#freeWindowsTaken.size >= FREE_WINDOWS_REMEMBERED_MAX) this.#freeWindowsTaken.clear()
    this.#freeWindowsTaken.add(key)
    return true
  }

  #takeLane(): number {
    if (this.#nextLane >= this.#book.lanesBelow) {
      throw new CodedError('LANES_BUSY', 'too many sessions at one time: lanes are being reserved, try again')
    }
    return this.#nextLane++
  }

  async #reserveLanes(): Promise<void> {
    const below = Math.min(this.#book.lanesBelow + LANES_RESERVED, LANE_MAX)
    await this.#journal.append({ type: 'lanes', below })
    this.#book.apply({ type: 'lanes', below })
    this.#reserving = undefined
  }
}
