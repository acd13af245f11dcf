/**
 * Where money meets a tally: what a link asks of whoever sells or buys. Bytes are opaque here; `money/` fills them.
 * One instance per connection and direction.
 *
 * @module
 */

/** The sender's side, when it has a price. */
export type SellerTerms = {
  /** The signed quote, shown to the peer in the offer frame. */
  readonly quote: Uint8Array
  /** 32 bytes; becomes Open's `quote` field. */
  readonly quoteDigest: Uint8Array
  /** The peer accepted (its answer's bytes: channel, payer). Rejects with CodedError when it cannot be served. */
  accepted(acceptance: Uint8Array): Promise<void>
  /**
   * Judges the payment that came with a tally. Resolves to the running total of bytes that is paid for.
   * Rejects with CodedError (`VOUCHER_…`) when the payment is malformed, too low, rolled back or not covered.
   */
  credit(
    payment: Uint8Array,
    tallyDigest: Uint8Array,
    tallyBytes: bigint,
  ): Promise<{ paidBytes: bigint; paidWei: bigint }>
  /** How many bytes beyond `paidBytes` may be served now (one window until an allocation is confirmed on chain). */
  creditBytes(windowBytes: number): number
  /** The session ended: settle when worth it. */
  finished(): void
}

/** The receiver's side, towards a sender with a price. */
export type BuyerTerms = {
  /** Checks signature, expiry, price limit. `acceptance` goes back to the seller. */
  judge(
    quote: Uint8Array,
  ): Promise<
    | { ok: true; quoteDigest: Uint8Array; acceptance: Uint8Array; priceWeiPerMib: bigint }
    | { ok: false; reason: string }
  >
  /** The payment bytes (a cumulative voucher) for a running total of `tallyBytes`. */
  pay(tallyDigest: Uint8Array, tallyBytes: bigint): Promise<{ payment: Uint8Array; totalWei: bigint }>
  finished(): void
}
