/**
 * What a buyer is: limits on spending, and the terms it makes for connections of a download.
 *
 * Source: design section 5. Made by `io/buyer.ts`.
 *
 * @module
 */
import type { BuyerTerms } from '../tally/terms.ts'
import type { EvmAddress } from './address.ts'

export type BuyerSettings = {
  /** The most this buyer may promise and pay, over its whole life (its journal). */
  readonly budgetWei: bigint
  /** How many bytes' price to allocate to a payee at first; the lead doubles as the payee delivers. */
  readonly allocationBytes: bigint
  /** Put at least this much into the channel when it is opened or topped up, budget permitting. */
  readonly depositStepWei: bigint
  /** Wait this long for more payees before allocating, so that one transaction serves many. */
  readonly allocateDelayMs: number
  /** Payees of one channel: each is one slot in its transactions. */
  readonly payeesMax: number
}

export const BUYER_DEFAULTS: BuyerSettings = {
  budgetWei: 0n,
  allocationBytes: 64n << 20n, // 64 MiB: 16 vouchers of 4 MiB before the next transaction
  depositStepWei: 0n,
  allocateDelayMs: 50,
  payeesMax: 1024,
}

export type BuyerStatus = {
  /** 32 bytes; whether it exists on chain, and is closing, is the driver's to say. */
  readonly channel: Uint8Array
  /** Promised in vouchers plus paid without them: what counts against the budget. */
  readonly spentWei: bigint
  readonly depositWei: bigint
  readonly allocatedWei: bigint
  /** For verified bytes of peers without vouchers, not yet paid. */
  readonly accruedWei: bigint
  readonly paidWithoutVouchersWei: bigint
  /** Why allocations are not being raised now, such as `CHAIN_UNREACHABLE` or `BUDGET_EXHAUSTED`. */
  readonly allocationTrouble?: string
}

/** One download's spending. */
export type Purchase = {
  /** Terms for one connection; `payee` when the seller's address is known beforehand. */
  terms(expected?: { readonly payee?: EvmAddress }): BuyerTerms
  /**
   * Style 1: notes verified bytes of a peer that speaks no vouchers, to be paid in the next batch. What the
   * limits do not allow is not owed: the answer says how much was noted.
   */
  payVerified(delivery: {
    readonly payee: EvmAddress
    readonly bytes: bigint
    readonly priceWeiPerMib: bigint
  }): { readonly notedWei: bigint }
  readonly spentWei: bigint
}

export type Buyer = AsyncDisposable & {
  readonly address: EvmAddress
  /** `share` is the 32-byte share id of tallies. */
  purchase(options: {
    readonly share: Uint8Array
    readonly priceWeiPerMibMax: bigint
    readonly spendWeiMax: bigint
  }): Purchase
  /** Pays what is noted in one batch; resolves when confirmed. Rejects when `signal` aborts. */
  settle(options?: { readonly signal?: AbortSignal }): Promise<void>
  /**
   * Begins to close the channel; the rest of the deposit comes back after the delays, on a later
   * `finishClose`.
   */
  startClose(): Promise<void>
  finishClose(): Promise<void>
  status(): BuyerStatus
}
