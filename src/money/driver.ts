/**
 * What every settlement driver can do, whatever its chain: prepare a signed transaction, send it, say what
 * became of it, and read channels. Preparing and sending are apart so that a journal can stand between
 * them.
 *
 * Source: design section 5, "Money". Implemented by `io/evm/driver.ts`.
 *
 * @module
 */
import type { EvmAddress } from './address.ts'
import type { Network } from './network.ts'
import type { SignedVoucher } from './voucher.ts'

export type Payment = { readonly payee: EvmAddress; readonly amountWei: bigint }

/** One thing to be done on chain, in full: it can be prepared again after a restart from this alone. */
export type Action =
  | {
      readonly type: 'open'
      readonly channelSalt: Uint8Array
      readonly depositWei: bigint
      readonly allocations: readonly Payment[]
    }
  | { readonly type: 'top-up'; readonly channel: Uint8Array; readonly amountWei: bigint }
  /** Raises allocations to the given totals (never lowers). */
  | {
      readonly type: 'allocate'
      readonly channel: Uint8Array
      readonly topUpWei: bigint
      readonly allocations: readonly Payment[]
    }
  | { readonly type: 'claim'; readonly vouchers: readonly SignedVoucher[] }
  | { readonly type: 'pay'; readonly batch: Uint8Array; readonly payments: readonly Payment[] }
  | { readonly type: 'start-close' | 'finish-close'; readonly channel: Uint8Array }
  | { readonly type: 'withdraw' }

/** A signed transaction that may or may not have been sent. The same nonce can be mined once only. */
export type Submission = { readonly nonce: number; readonly hash: string; readonly raw: string }

/** What became of the submissions of one action (several when the fee was raised; all of one nonce). */
export type Outcome =
  | { readonly status: 'pending' }
  | {
      readonly status: 'confirmed'
      readonly hash: string
      readonly chainBlock: number
      readonly feeWei: bigint
    }
  | { readonly status: 'reverted'; readonly hash: string; readonly chainBlock: number }
  /** Another transaction took the nonce: none of these can ever be mined. */
  | { readonly status: 'replaced' }

export type ChannelView = {
  readonly exists: boolean
  readonly payer: EvmAddress
  readonly depositWei: bigint
  readonly allocatedWei: bigint
  readonly claimedWei: bigint
  readonly closing: boolean
}

export type AllocationView = {
  /** The total that can be claimed over the channel's life; when it is closed, what was. */
  readonly amountWei: bigint
  readonly claimedWei: bigint
  /** The channel, or this allocation alone, is being closed: serve no more, claim. */
  readonly closing: boolean
}

/** Whether the chain answers; for people and for decisions. */
export type DriverHealth = {
  readonly reachable: boolean
  readonly failures: number
  readonly lastErrorCode?: string
  readonly sinceMs: number
}

export type DriverAbilities = {
  readonly channel: boolean
  readonly manyPayees: boolean
  readonly batch: boolean
  /** Blocks on top of a transaction before it counts. */
  readonly finality: { readonly confirmations: number }
}

/**
 * Every call rejects with CodedError: `CHAIN_UNREACHABLE` (try later), `CHAIN_WRONG` (not the chain we
 * signed for), or `CHAIN_REFUSED` (it would revert, or funds are missing: not sent).
 */
export type Driver = AsyncDisposable & {
  readonly name: string
  readonly can: DriverAbilities
  readonly network: Network
  readonly health: DriverHealth
  /** Signs, does not send. With `replaces`: the same nonce at a higher fee. One at a time. */
  prepare(action: Action, options: { readonly replaces?: Submission }): Promise<Submission>
  send(submission: Submission): Promise<void>
  outcome(submissions: readonly Submission[]): Promise<Outcome>
  channel(channel: Uint8Array): Promise<ChannelView>
  allocation(channel: Uint8Array, payee: EvmAddress): Promise<AllocationView>
  batchDone(batch: Uint8Array): Promise<boolean>
  balance(address: EvmAddress): Promise<bigint>
}
