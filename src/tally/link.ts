/**
 * The contract between a protocol's connection and the tallies on it: one link per connection, both directions.
 *
 * A protocol carries frames (opaque bytes) for the link, tells it what was sent and what was verified, and asks how
 * far ahead it may send. Frames travel as a BEP 10 extension message (`tsw`) or as `TSW-Frames` headers over HTTP.
 *
 * @module
 */

/** A verified or served range, in the tally's own block numbering (design section 3, "Runs"). */
export type Run = { readonly start: number; readonly count: number }

export type TallyLink = {
  /** A frame from the other side; its bytes may be reused after the call. @throws {DecodeError} for malformed frames; the caller drops the connection. */
  receiveFrame(frame: Uint8Array): void
  /** As sender: whether `bytes` more payload may be sent now. False: choke until `onAllowance`. */
  maySend(bytes: number): boolean
  /** As sender: payload put on the wire (without padding). */
  sent(piece: number, begin: number, length: number, payloadBytes: number): void
  /** As receiver: bytes from this connection that hash right. */
  verified(piece: number, begin: number, length: number, payloadBytes: number): void
  /** As receiver: bytes that were of no use. */
  wasted(payloadBytes: number): void
  /** About once a second, and when the connection falls idle. */
  tick(nowMs: number): void
  /** Signs what is left and says goodbye; resolves when the last frame was handed to `send`. Bounded by 2 s. */
  finish(): Promise<void>
  /** The connection is gone. Idempotent. */
  close(): void
  readonly state: TallyLinkState
}

/** A plain snapshot for people and for accounting. Bytes are payload. */
export type TallyLinkState = {
  readonly peerSpeaksTallies: boolean
  readonly sentBytes: number
  /** As sender: what the peer has signed for. */
  readonly tallyInBytes: number
  /** As receiver: what we have signed for. */
  readonly tallyOutBytes: number
  readonly paidInWei: bigint
  readonly paidOutWei: bigint
}

/** What a link needs from its connection. */
export type TallyCarrier = {
  /** Puts a frame on the wire (in order, reliable). */
  send(frame: Uint8Array): void
  /** The sender's allowance grew: unchoke, continue. */
  onAllowance(): void
  /** As receiver: the other side's price, which we have accepted. */
  onPrice?(priceWeiPerMib: bigint): void
  /** The other side broke the rules in a way that ends the connection; `code` is counted. */
  onViolation(code: string, message: string): void
}

/** Makes a link for a new connection. `transport` is what both ends agree identifies it (e.g. both peer ids), 32 bytes. */
export type TallyLinkFactory = (
  carrier: TallyCarrier,
  connection: { readonly transport: Uint8Array; readonly weDialled: boolean; readonly label: string },
) => TallyLink
