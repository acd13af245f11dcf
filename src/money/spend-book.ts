/**
 * A buyer's spending: what was promised to whom for which share, and what is owed to peers without vouchers.
 *
 * Promises are journalled ahead in steps ("reserved"), so that a voucher seldom waits for the disk; after a
 * crash a reservation counts as spent in full, which errs on the side of spending less.
 *
 * @module
 */
import { toHex } from '../base/bytes.ts'
import type { EvmAddress } from './address.ts'
import type { Payment } from './driver.ts'

export type BuyerRecord =
  /** A new channel begins: earlier promises no longer weigh on its allocations. */
  | { readonly type: 'channel'; readonly salt: Uint8Array }
  /** The running total of this lane is, or will be, at most this. */
  | {
      readonly type: 'promised'
      readonly share: string
      readonly payee: EvmAddress
      readonly lane: number
      readonly amountWei: bigint
    }
  /** Earlier promises, summed up when the journal was shortened. */
  | { readonly type: 'past'; readonly share: string; readonly payee: EvmAddress; readonly amountWei: bigint }
  | {
      readonly type: 'accrued'
      readonly share: string
      readonly payee: EvmAddress
      readonly amountWei: bigint
    }
  /** What is accrued for these payees becomes this batch. */
  | { readonly type: 'batch'; readonly batch: Uint8Array; readonly payments: readonly Payment[] }
  | { readonly type: 'batch-paid' | 'batch-failed'; readonly batch: Uint8Array }

export type OpenBatch = { readonly batch: Uint8Array; readonly payments: readonly Payment[] }

type Pair = {
  readonly share: string
  readonly payee: EvmAddress
  /** Promised in earlier channels and in the present one. */
  pastWei: bigint
  presentWei: bigint
  accruedWei: bigint
}
const PAID_BEFORE = new Uint8Array(32)

export class SpendBook {
  readonly #lanes = new Map<string, bigint>()
  readonly #byShare = new Map<string, bigint>()
  readonly #byPayee = new Map<EvmAddress, bigint>()
  /** By share and payee: what shortening keeps. */
  readonly #pairs = new Map<string, Pair>()
  readonly #paidTo = new Map<EvmAddress, bigint>()
  readonly #accrued = new Map<EvmAddress, bigint>()
  readonly #batches = new Map<string, OpenBatch>()
  #salt: Uint8Array | undefined
  #totalWei = 0n

  /** The present channel's salt. */
  get salt(): Uint8Array | undefined {
    return this.#salt
  }

  /** Promised and accrued, over all shares. */
  get totalWei(): bigint {
    return this.#totalWei
  }

  /** Paid without vouchers. */
  get paidWei(): bigint {
    return sumOf(this.#paidTo)
  }

  get accruedWei(): bigint {
    return sumOf(this.#accrued)
  }

  get openBatches(): OpenBatch[] {
    return [...this.#batches.values()]
  }

  spentOn(share: string): bigint {
    return this.#byShare.get(share) ?? 0n
  }

  /** Over all lanes of the present channel. */
  promisedTo(payee: EvmAddress): bigint {
    return this.#byPayee.get(payee) ?? 0n
  }

  /** What to pay next, at most `max` payees. */
  due(max: number): Payment[] {
    const payments = [...this.#accrued].map(([payee, amountWei]) => ({ payee, amountWei }))
    return payments.filter(({ amountWei }) => amountWei > 0n).slice(0, max)
  }

  apply(record: BuyerRecord): void {
    switch (record.type) {
      case 'channel':
        this.#salt = record.salt
        this.#byPayee.clear()
        for (const pair of this.#pairs.values()) {
          pair.pastWei += pair.presentWei
          pair.presentWei = 0n
        }
        return
      case 'promised': {
        const key = `${record.payee} ${record.lane}`
        const before = this.#lanes.get(key) ?? 0n
        this.#lanes.set(key, record.amountWei)
        this.#promise(record.share, record.payee, record.amountWei - before)
        return
      }
      case 'past':
        this.#promise(record.share, record.payee, record.amountWei)
        return
      case 'accrued':
        this.#pair(record.share, record.payee).accruedWei += record.amountWei
        this.#spend(record.share, record.amountWei)
        add(this.#accrued, record.payee, record.amountWei)
        return
      case 'batch':
        this.#batches.set(toHex(record.batch), record)
        for (const { payee, amountWei } of record.payments) add(this.#accrued, payee, -amountWei)
        return
      case 'batch-paid':
      case 'batch-failed':
        this.#endBatch(record.batch, record.type === 'batch-paid')
        return
    }
    record satisfies never
  }

  /** An equivalent, shorter list of records; only while no lane is in use. */
  records(): BuyerRecord[] {
    const pairs = [...this.#pairs.values()]
    const past = (key: 'pastWei' | 'presentWei'): BuyerRecord[] =>
      pairs.map((pair) => ({ type: 'past', share: pair.share, payee: pair.payee, amountWei: pair[key] }))
    const payments = [...this.#paidTo].map(([payee, amountWei]) => ({ payee, amountWei }))
    return [
      ...past('pastWei'),
      ...(this.#salt === undefined ? [] : [{ type: 'channel' as const, salt: this.#salt }]),
      ...past('presentWei'),
      ...pairs.map(({ share, payee, accruedWei }): BuyerRecord => {
        return { type: 'accrued', share, payee, amountWei: accruedWei }
      }),
      { type: 'batch', batch: PAID_BEFORE, payments },
      { type: 'batch-paid', batch: PAID_BEFORE },
      ...this.openBatches.map((open): BuyerRecord => ({ type: 'batch', ...open })),
    ]
  }

  #promise(share: string, payee: EvmAddress, amountWei: bigint): void {
    this.#pair(share, payee).presentWei += amountWei
    this.#spend(share, amountWei)
    add(this.#byPayee, payee, amountWei)
  }

  #spend(share: string, amountWei: bigint): void {
    this.#totalWei += amountWei
    add(this.#byShare, share, amountWei)
  }

  #endBatch(batch: Uint8Array, paid: boolean): void {
    const open = this.#batches.get(toHex(batch))
    this.#batches.delete(toHex(batch))
    for (const { payee, amountWei } of open?.payments ?? []) {
      if (paid) add(this.#paidTo, payee, amountWei)
      else add(this.#accrued, payee, amountWei)
    }
  }

  #pair(share: string, payee: EvmAddress): Pair {
    const key = `${share} ${payee}`
    const known = this.#pairs.get(key)
    if (known !== undefined) return known
    const pair = { share, payee, pastWei: 0n, presentWei: 0n, accruedWei: 0n }
    this.#pairs.set(key, pair)
    return pair
  }
}

function add<Key>(sums: Map<Key, bigint>, key: Key, amountWei: bigint): void {
  sums.set(key, (sums.get(key) ?? 0n) + amountWei)
}

const sumOf = (sums: ReadonlyMap<unknown, bigint>): bigint =>
  [...sums.values()].reduce((sum, amount) => sum + amount, 0n)
