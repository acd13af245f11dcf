/**
 * What a peer tells a tracker and what it hears back, whatever the wire: the values behind the HTTP and UDP
 * codecs.
 *
 * Source: BEP 3 ("Trackers"), 7, 15, 21, 23, 24, 31, 48.
 *
 * @module
 */
import type { Address } from '../base/world.ts'

/** `paused` is sent with every announce of a partial seed (BEP 21). A plain announce has no event. */
export type AnnounceEvent = 'started' | 'completed' | 'stopped' | 'paused'

/** Byte counts are payload since `started`; counts above 2^53 - 1 on the wire are read as 2^53 - 1. */
export type AnnounceRequest = {
  /** 20 bytes; a v2 hash is cut to its first 20 (BEP 52). */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** Where the peer listens; 0 when it does not. */
  readonly port: number
  readonly uploaded: number
  readonly downloaded: number
  readonly left: number
  readonly event?: AnnounceEvent
  /** uint32 that stays the same over address families and changes of address (BEP 7). */
  readonly key?: number
  /** How many peers to send; absent: as many as the tracker likes. */
  readonly numWant?: number
}

/** A peer in an answer; only the HTTP dictionary form carries `peerId`. */
export type AnnouncePeer = Address & { readonly peerId?: Uint8Array }

export type AnnounceResponse = {
  readonly intervalS: number
  /** Never announce more often than this, events apart. */
  readonly minIntervalS?: number
  /** Peers that have everything. */
  readonly complete?: number
  /** All other peers, partial seeds included. */
  readonly incomplete?: number
  readonly peers: readonly AnnouncePeer[]
  readonly warning?: string
  /** To be sent back with the next announce (BEP 3, "trackerid"). */
  readonly trackerId?: Uint8Array
  /** Our own address as the tracker sees it (BEP 24). */
  readonly externalIp?: string
}

/** The tracker says no. `retryInS` is absent when it did not say, Infinity for "never" (BEP 31). */
export type AnnounceFailure = { readonly reason: string; readonly retryInS?: number }

/** Figures of one swarm (BEP 48); `downloaders` is `incomplete` without the partial seeds (BEP 21). */
export type ScrapeFigures = {
  readonly complete: number
  readonly downloaded: number
  readonly incomplete: number
  readonly downloaders?: number
}

export const INFO_HASH_BYTES = 20
export const PEER_ID_BYTES = 20
/** The longest text we take from a tracker or a client to show to people. */
export const REASON_CHARS_MAX = 256

const lossyText = new TextDecoder('utf-8')

/**
 * Text for people from bytes of a stranger: cut, and without characters that could drive a terminal or hide
 * text.
 */
export function reasonText(bytes: Uint8Array): string {
  const text = lossyText.decode(bytes.subarray(0, 4 * REASON_CHARS_MAX))
  return text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, REASON_CHARS_MAX)
}
