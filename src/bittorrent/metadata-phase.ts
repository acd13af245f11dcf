/**
 * Gets the info dictionary of a magnet from its peers: from a few at once, a whole copy from each, so that a wrong
 * copy names its sender.
 *
 * Source: BEP 9; BEP 52 for v2 info hashes.
 *
 * @module
 */
import { bytesEqual } from '../base/bytes.ts'
import type { InfoHashV1, InfoHashV2 } from '../base/ids.ts'
import type { Digests } from './contract.ts'
import { MetadataFetch, type MetadataMessage } from './ut-metadata.ts'

/** Copies under way at once: each may hold as many bytes as the largest metadata. */
const FETCHES_MAX = 2
const REQUESTS_MAX = 16
/** No piece for this long: somebody else may try. */
const STALL_MS = 15_000
/** A peer that refused or stalled is asked again after this. */
const RETRY_MS = 30_000

/** Which info dictionary is wanted: by one hash or both. */
export type MetadataOptions = {
  readonly infoHashV1?: InfoHashV1
  readonly infoHashV2?: InfoHashV2
  readonly bytesMax: number
  readonly digests: Digests
}

/** What the phase needs of a session. */
export type MetadataPeer = {
  readonly extensions: {
    readonly peer: { readonly metadataBytes?: number }
    speaks(name: 'ut_metadata'): boolean
    sendMetadata(message: MetadataMessage): void
  }
}

export type MetadataOwner<Peer> = {
  /** Verified against every info hash we know. */
  found(info: Uint8Array): void
  /** This peer sent a copy that does not hash right. */
  lied(peer: Peer, code: string): void
}

export class MetadataPhase<Peer extends MetadataPeer> {
  readonly #hashes: { readonly infoHashV1?: InfoHashV1; readonly infoHashV2?: InfoHashV2 }
  readonly #digests: Digests
  readonly #bytesMax: number
  readonly #owner: MetadataOwner<Peer>
  readonly #fetches = new Map<Peer, { readonly fetch: MetadataFetch; lastMs: number }>()
  /** Peers that could be asked, and from when on. */
  readonly #peers = new Map<Peer, number>()

  constructor(options: MetadataOptions, owner: MetadataOwner<Peer>) {
    this.#hashes = options
    this.#digests = options.digests
    this.#bytesMax = options.bytesMax
    this.#owner = owner
  }

  get progress(): { readonly receivedBytes: number; readonly totalBytes: number } {
    let best = { receivedBytes: 0, totalBytes: 0 }
    for (const { fetch } of this.#fetches.values()) {
      if (fetch.receivedBytes >= best.receivedBytes) {
        best = { receivedBytes: fetch.receivedBytes, totalBytes: fetch.totalBytes }
      }
    }
    return best
  }

  /** The peer said what it speaks. */
  peerKnown(peer: Peer, nowMs: number): void {
    const size = peer.extensions.peer.metadataBytes ?? 0
    if (!peer.extensions.speaks('ut_metadata') || size <= 0) return
    if (size > this.#bytesMax) {
      this.#owner.lied(peer, 'METADATA_TOO_LARGE')
      return
    }
    if (!this.#peers.has(peer)) this.#peers.set(peer, 0)
    this.#start(nowMs)
  }

  peerGone(peer: Peer, nowMs: number): void {
    this.#peers.delete(peer)
    if (this.#fetches.delete(peer)) this.#start(nowMs)
  }

  /** A `data` or `reject`. @throws {DecodeError<'METADATA_UNREQUESTED' | 'METADATA_LENGTH'>} */
  message(peer: Peer, message: MetadataMessage, nowMs: number): void {
    const entry = this.#fetches.get(peer)
    // An answer to a copy that was given up is late, not wrong.
    if (entry === undefined || message.type === 'request') return
    if (message.type !== 'data') {
      this.#giveUp(peer, nowMs)
      return
    }
    entry.lastMs = nowMs
    const info = entry.fetch.take(message.piece, message.bytes)
    if (info === undefined) {
      this.#ask(peer, entry.fetch)
      return
    }
    this.#fetches.delete(peer)
    if (this.#isRight(info)) {
      this.#owner.found(info)
      return
    }
    this.#peers.delete(peer)
    this.#owner.lied(peer, 'METADATA_WRONG_HASH')
    this.#start(nowMs)
  }

  tick(nowMs: number): void {
    for (const [peer, { lastMs }] of this.#fetches) {
      if (nowMs - lastMs > STALL_MS) this.#giveUp(peer, nowMs)
    }
    this.#start(nowMs)
  }

  #giveUp(peer: Peer, nowMs: number): void {
    this.#fetches.delete(peer)
    this.#peers.set(peer, nowMs + RETRY_MS)
    this.#start(nowMs)
  }

  #start(nowMs: number): void {
    for (const [peer, fromMs] of this.#peers) {
      if (this.#fetches.size >= FETCHES_MAX) return
      if (fromMs > nowMs || this.#fetches.has(peer)) continue
      const fetch = new MetadataFetch(peer.extensions.peer.metadataBytes!)
      this.#fetches.set(peer, { fetch, lastMs: nowMs })
      this.#ask(peer, fetch)
    }
  }

  #ask(peer: Peer, fetch: MetadataFetch): void {
    for (let piece = fetch.next(REQUESTS_MAX); piece !== undefined; piece = fetch.next(REQUESTS_MAX)) {
      peer.extensions.sendMetadata({ type: 'request', piece })
    }
  }

  #isRight(info: Uint8Array): boolean {
    const { infoHashV1, infoHashV2 } = this.#hashes
    const right1 = infoHashV1 === undefined || bytesEqual(this.#digests.sha1(info), infoHashV1)
    const right2 = infoHashV2 === undefined || bytesEqual(this.#digests.sha256(info), infoHashV2)
    return right1 && right2
  }
}
