/**
 * The contract between one transfer and the many sources it is fed from (design section 4).
 *
 * A source PULLS: whenever it has room in its pipeline it asks its port to `pick` blocks, fetches them over its own
 * protocol, copies each payload once into the arena at the offset that `place` returns, and says `received`.
 * The transfer alone decides which block goes where, hashes, writes, judges and accounts.
 *
 * @module
 */
import type { Bitfield } from './bitfield.ts'

export type Protocol = 'bittorrent' | 'http' | 'webseed' | 'webrtc' | 'ed2k' | 'session'

/** Why a transfer ends a source. `banned` sources are not dialled again. */
export type CloseReason =
  | { readonly code: 'complete' }
  | { readonly code: 'bad-data'; readonly piece: number }
  | { readonly code: 'too-slow' }
  | { readonly code: 'stopped' }

/** What a transfer calls on a source. All synchronous; none may throw. */
export type Source = {
  readonly protocol: Protocol
  /** For people: `1.2.3.4:6881`, a URL. */
  readonly label: string
  /** There may be work again: call `pick`. */
  wake(): void
  /** This block came from elsewhere or is no longer wanted: drop the request if it has not been answered. */
  cancel(piece: number, begin: number, length: number): void
  /**
   * These bytes, sent by this source, are verified (`payloadBytes` without padding). Feeds tallies and money. Like
   * `wasted`, it may come after `detach`: the piece was finished by others.
   */
  verified(piece: number, begin: number, length: number, payloadBytes: number): void
  /** These bytes, sent by this source, were of no use: a bad piece or a duplicate. */
  wasted(piece: number, begin: number, length: number, why: 'bad-data' | 'duplicate'): void
  /** A piece was verified and can be offered to others (have). */
  pieceVerified(piece: number): void
  close(reason: CloseReason): void
}

/** What this source costs and how far it is trusted; may change while it lives. */
export type SourceTerms = {
  readonly priceWeiPerMib: bigint
  /** 0 to 1000; 500 for a stranger. */
  readonly reputation: number
}

/** One source's handle on a transfer. */
export type SourcePort = {
  readonly id: number
  /** The pool of piece slots. `place` gives offsets into it. */
  readonly arena: Uint8Array
  setHave(bits: Bitfield): void
  setHaveAll(): void
  have(piece: number): void
  /** True when the source could serve something we still want: "interested". */
  readonly interesting: boolean
  /** What is not named stays. */
  setTerms(terms: Partial<SourceTerms>): void
  /** Unchoked and alive: whether `pick` may be answered with work and rivals may wait for it. */
  setReady(ready: boolean): void
  /**
   * Reserves up to `blocksMax` blocks for this source and writes (piece, begin, length) triples to `out`.
   * Returns how many blocks. Runs of one piece come in ascending order so that they can be joined.
   */
  pick(out: Int32Array, blocksMax: number): number
  /**
   * Arena offset for a block that is arriving, or -1 when this source has no such request (drop and count it; `wasted`
   * is not called for it). From here until `received`, `release` or `detach` nobody else writes there.
   */
  place(piece: number, begin: number, length: number): number
  /** The block's bytes are in the arena. */
  received(piece: number, begin: number, length: number): void
  /** The source will not answer this request (reject, choke, timeout): others may have it. */
  release(piece: number, begin: number, length: number): void
  releaseAll(): void
  /** The source is gone. Releases everything. Idempotent. */
  detach(): void
}

/** Per-source figures a transfer keeps; bytes are payload. */
export type SourceStats = {
  readonly id: number
  readonly protocol: Protocol
  readonly label: string
  readonly receivedBytes: number
  readonly verifiedBytes: number
  readonly wastedBytes: number
  readonly badPieces: number
  readonly bytesPerS: number
  readonly attached: boolean
}
