/**
 * Keeps a buyer's allocations on chain ahead of what it promises: many payees in one transaction, the
 * channel opened with the first of them.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { assert } from '../../base/assert.ts'
import { toHex } from '../../base/bytes.ts'
import { codeOf } from '../../base/errors.ts'
import { channelIdOf } from '../acceptance.ts'
import type { EvmAddress } from '../address.ts'
import type { BuyerSettings } from '../buyer.ts'
import type { ChannelView, Payment } from '../driver.ts'
import { planAllocations } from '../plan.ts'
import type { SpendBook } from '../spend-book.ts'
import type { MoneyParts } from './parts.ts'

type AllocatorParts = {
  readonly settings: BuyerSettings
  readonly parts: Pick<MoneyParts, 'wallet' | 'driver' | 'settler' | 'random'>
  readonly book: SpendBook
}

const RETRY_MIN_MS = 250
const RETRY_MAX_MS = 5_000
/** The chain said no, most likely for want of coins: somebody has to act first. */
const RETRY_REFUSED_MS = 30_000
/** Payees per transaction: some 50,000 gas each, well inside a block. */
const PAYEES_PER_ROUND = 100

export class Allocator {
  readonly #parts: AllocatorParts
  /** The totals payees should have on chain, and those known to be there. */
  readonly #wanted = new Map<EvmAddress, bigint>()
  readonly #seen = new Map<EvmAddress, bigint>()
  readonly #stop = new AbortController()
  #working: Promise<void> | undefined
  #view: ChannelView | undefined
  #lastErrorCode: string | undefined

  constructor(parts: AllocatorParts) {
    this.#parts = parts
  }

  /** The present channel's. */
  get salt(): Uint8Array {
    const { salt } = this.#parts.book
    assert(salt !== undefined, 'the buyer was started')
    return salt
  }

  get channel(): Uint8Array {
    const { driver, wallet } = this.#parts.parts
    return channelIdOf(driver.network, wallet.address, this.salt)
  }

  get view(): ChannelView | undefined {
    return this.#view
  }

  /** Why allocations are not being made now. */
  get lastErrorCode(): string | undefined {
    return this.#lastErrorCode
  }

  knows(payee: EvmAddress): boolean {
    return this.#wanted.has(payee)
  }

  get payees(): number {
    return this.#wanted.size
  }

  /**
   * Raises the payee's allocation to `aheadWei` above what it is promised, once it is less than `lowWei`
   * above.
   */
  want(payee: EvmAddress, aheadWei: bigint, lowWei: bigint): void {
    const promisedWei = this.#parts.book.promisedTo(payee)
    if ((this.#wanted.get(payee) ?? 0n) - promisedWei >= lowWei) return
    this.#wanted.set(payee, promisedWei + aheadWei)
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
    })
  }

  /** Forgets the channel: the next allocation opens a new one. */
  forget(): void {
    this.#wanted.clear()
    this.#seen.clear()
    this.#view = undefined
  }

  async refresh(): Promise<ChannelView> {
    this.#view = await this.#parts.parts.driver.channel(this.channel)
    return this.#view
  }

  async stopped(): Promise<void> {
    this.#stop.abort()
    await this.#working
  }

  async #work(): Promise<void> {
    let waitMs = RETRY_MIN_MS
    await this.#sleep(this.#parts.settings.allocateDelayMs)
    while (!this.#stop.signal.aborted && this.#due().length > 0) {
      try {
        if (!(await this.#round())) return
        waitMs = RETRY_MIN_MS
        this.#lastErrorCode = undefined
      } catch (error) {
        this.#lastErrorCode = codeOf(error)
        if (this.#lastErrorCode === 'SETTLER_CLOSED') return
        const refused = this.#lastErrorCode === 'SETTLEMENT_FAILED'
        waitMs = refused ? RETRY_REFUSED_MS : Math.min(2 * waitMs, RETRY_MAX_MS)
        await this.#sleep(waitMs)
      }
    }
  }

  #due(): Payment[] {
    return [...this.#wanted]
      .filter(([payee, amountWei]) => amountWei > (this.#seen.get(payee) ?? 0n))
      .slice(0, PAYEES_PER_ROUND)
      .map(([payee, amountWei]) => ({ payee, amountWei }))
  }

  /** One transaction. False: the budget allows no more. */
  async #round(): Promise<boolean> {
    const { parts, settings, book } = this.#parts
    // What an earlier run left in the settler's journal comes first: it may be an allocation.
    await parts.settler.idle()
    const due = this.#due()
    const view = await this.refresh()
    for (const { payee } of due) {
      this.#seen.set(payee, (await parts.driver.allocation(this.channel, payee)).amountWei)
    }
    const plan = planAllocations({
      wanted: due.map(({ payee, amountWei }) => ({
        payee,
        amountWei,
        presentWei: this.#seen.get(payee) ?? 0n,
      })),
      depositWei: view.depositWei,
      allocatedWei: view.allocatedWei,
      depositWeiMax: settings.budgetWei - book.paidWei - book.accruedWei,
      depositStepWei: settings.depositStepWei,
    })
    if (view.closing || plan.allocations.length === 0) {
      this.#lastErrorCode = view.closing ? 'CHANNEL_CLOSING' : 'BUDGET_EXHAUSTED'
      return this.#due().length < due.length // some were there already: look at the rest
    }
    await this.#settle(view, plan)
    for (const { payee, amountWei } of plan.allocations) this.#seen.set(payee, amountWei)
    await this.refresh()
    return true
  }

  async #settle(
    view: ChannelView,
    { topUpWei, allocations }: ReturnType<typeof planAllocations>,
  ): Promise<void> {
    const { settler, random } = this.#parts.parts
    const { salt, channel } = this
    if (view.exists) {
      const id = `allocate-${toHex(random.bytes(16))}`
      await settler.settle(id, { type: 'allocate', channel, topUpWei, allocations })
    } else {
      const id = `open-${toHex(random.bytes(16))}`
      await settler.settle(id, { type: 'open', channelSalt: salt, depositWei: topUpWei, allocations })
    }
  }

  async #sleep(durationMs: number): Promise<void> {
    await sleep(durationMs, undefined, { signal: this.#stop.signal }).catch(() => {})
  }
}
