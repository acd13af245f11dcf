/**
 * What a swarm lacks before its transfer can start, or run at its best: the info dictionary, then the piece layers.
 *
 * Source: BEP 9, BEP 52. A v2-only share cannot verify a piece without its layers, so it is announced after them; a
 * hybrid has its v1 hashes and gets the layers beside the transfer.
 *
 * @module
 */
import { codeOf } from '../base/errors.ts'
import { parseInfo } from '../content/metainfo.ts'
import type { Share } from '../content/share.ts'
import type { Digests } from './contract.ts'
import type { FileHashRange } from './hash-range.ts'
import { LAYER_BYTES_MAX, type LayerPeer, LayerPhase, missingLayerBytes } from './layer-phase.ts'
import { type MetadataOptions, type MetadataPeer, MetadataPhase } from './metadata-phase.ts'
import type { MetadataMessage } from './ut-metadata.ts'

export type MagnetPeer = MetadataPeer & LayerPeer

export type MagnetOwner<Peer> = {
  readonly peers: Iterable<Peer>
  /** The info dictionary is known: hashes, sessions and routing may need to follow. */
  infoKnown(share: Share): void
  /** Everything a transfer needs is there. */
  shareReady(share: Share): void
  lied(peer: Peer, code: string): void
  /** The share can never be fetched. */
  unusable(code: string): void
}

export class Magnet<Peer extends MagnetPeer> {
  readonly #owner: MagnetOwner<Peer>
  readonly #digests: Digests
  #metadata: MetadataPhase<Peer> | undefined
  #layers: LayerPhase | undefined
  #share: Share | undefined
  #ready = false

  constructor(options: MetadataOptions, owner: MagnetOwner<Peer>) {
    this.#owner = owner
    this.#digests = options.digests
    this.#metadata = new MetadataPhase(options, {
      found: (info) => this.#found(info),
      lied: (peer, code) => owner.lied(peer, code),
    })
  }

  get phase(): 'metadata' | 'layers' | 'transfer' {
    if (this.#metadata !== undefined) return 'metadata'
    return this.#ready ? 'transfer' : 'layers'
  }

  get progress(): { readonly receivedBytes: number; readonly totalBytes: number } {
    const bytes = this.#share?.infoBytes.length ?? 0
    return this.#metadata?.progress ?? { receivedBytes: bytes, totalBytes: bytes }
  }

  /** The share came from elsewhere (a .torrent, an earlier run), or its transfer starts. */
  setShare(share: Share, nowMs: number): void {
    this.#metadata = undefined
    this.#ready = true
    if (this.#share?.infoBytes === share.infoBytes) return
    this.#share = share
    this.#startLayers(share, nowMs)
  }

  peerKnown(peer: Peer, nowMs: number): void {
    this.#metadata?.peerKnown(peer, nowMs)
    this.#layers?.ask([peer], nowMs)
  }

  peerGone(peer: Peer, nowMs: number): void {
    this.#metadata?.peerGone(peer, nowMs)
    this.#layers?.peerGone(peer)
  }

  /** @throws {DecodeError} */
  message(peer: Peer, message: MetadataMessage, nowMs: number): void {
    this.#metadata?.message(peer, message, nowMs)
  }

  /** `hashes` undefined: refused. */
  hashAnswer(
    peer: Peer,
    answer: { range: FileHashRange; hashes: Uint8Array | undefined },
    nowMs: number,
  ): void {
    const layers = this.#layers
    if (layers === undefined) return
    if (!layers.answer(peer, answer, nowMs)) this.#owner.lied(peer, 'HASHES_WRONG')
    if (layers.done) this.#layersDone()
    else layers.ask([peer], nowMs)
  }

  tick(nowMs: number): void {
    this.#metadata?.tick(nowMs)
    this.#layers?.ask(this.#owner.peers, nowMs)
  }

  #found(info: Uint8Array): void {
    this.#metadata = undefined
    let share: Share
    try {
      share = parseInfo(info, this.#digests)
    } catch (error) {
      // It hashes right, so every honest peer has this same dictionary.
      this.#owner.unusable(codeOf(error))
      return
    }
    this.#share = share
    this.#owner.infoKnown(share)
    if (share.version !== 'v2') this.#announce()
    this.#startLayers(share, 0)
    if (this.#layers === undefined && !this.#ready) this.#announce()
  }

  #startLayers(share: Share, nowMs: number): void {
    if (share.version === 'v1') return
    if (missingLayerBytes(share) > LAYER_BYTES_MAX) {
      this.#owner.unusable('LAYERS_TOO_LARGE')
      return
    }
    const layers = new LayerPhase(share, this.#digests.sha256)
    if (layers.done) return
    this.#layers = layers
    layers.ask(this.#owner.peers, nowMs)
  }

  #layersDone(): void {
    this.#layers = undefined
    if (!this.#ready) this.#announce()
  }

  #announce(): void {
    this.#ready = true
    this.#owner.shareReady(this.#share!)
  }
}
