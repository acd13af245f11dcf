/**
 * What a seller is: the settings, what it tells people, and the terms it makes for connections.
 *
 * Source: design section 5. Made by `io/seller.ts`.
 *
 * @module
 */
import type { SellerTerms } from '../tally/terms.ts'
import type { EvmAddress } from './address.ts'

export type SellerSettings = {
  /** Wei per 2^20 bytes, for sessions that name no other price. */
  readonly priceWeiPerMib: bigint
  /** How far to serve without cover at first; in the quote. */
  readonly windowBytes: number
  /** Quotes are good for this long. */
  readonly quoteLifeS: number
  /** Claim once this much is unclaimed. */
  readonly claimThresholdWei: bigint
  /** Claim at the latest this long after a voucher came in, and look this often at channels for a close. */
  readonly claimIntervalMs: number
  /** Sessions at one time whose channel has no confirmed allocation for us: each may cost us one window. */
  readonly uncoveredSessionsMax: number
}

export const SELLER_DEFAULTS: SellerSettings = {
  priceWeiPerMib: 0n,
  windowBytes: 1 << 20, // design section 3: at least 1 MiB
  quoteLifeS: 3600, // an hour: longer than any handshake, shorter than a price change matters
  claimThresholdWei: 10n ** 16n, // 0.01 coin: some hundred times a claim's usual fee
  claimIntervalMs: 600_000, // ten minutes: far below any sensible closing delay
  uncoveredSessionsMax: 16, // 16 windows of 1 MiB is what strangers can take at one time
}

export type SellerStatus = {
  /** Vouchers held and not yet claimed, over all channels. */
  readonly unclaimedWei: bigint
  readonly claimedWei: bigint
  readonly channels: number
  readonly sessions: number
  readonly uncoveredSessions: number
}

/** `session.share` is the 32-byte share id of tallies. */
export type SellerSession = {
  readonly share: Uint8Array
  readonly priceWeiPerMib?: bigint
  /** The verification unit in bytes (16 KiB when absent). */
  readonly unitBytes?: number
}

export type Seller = AsyncDisposable & {
  readonly address: EvmAddress
  /** A signed quote and its judge, for one connection. Signs at once, about 0.4 ms. */
  terms(session: SellerSession): SellerTerms
  /**
   * Claims everything unclaimed and withdraws it; resolves when it is confirmed. Rejects when `signal`
   * aborts.
   */
  settle(options?: { readonly signal?: AbortSignal }): Promise<void>
  status(): SellerStatus
}
