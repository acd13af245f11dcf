/**
 * Gets the piece layers of a share that came by magnet, verified range by range against each file's root.
 *
 * Source: BEP 52, "piece layers", `hash request`.
 *
 * @module
 */
import { concatBytes, toHex } from '../base/bytes.ts'
import type { Share, ShareFile } from '../content/share.ts'
import { HASH_BYTES, layerLength, pieceLayerOf, treeHeight, verifyHashes } from '../crypto/merkle.ts'
import type { Hash } from '../crypto/sha.ts'
import { HASH_REQUESTS_MAX } from './hash-channel.ts'
import type { FileHashRange } from './hash-range.ts'

/** BEP 52: a request should not ask for more. */
const RANGE_HASHES_MAX = 512
/** All layers of a share together: two million pieces (our limit). */
export const LAYER_BYTES_MAX = 64 << 20
/** A range that was not answered is asked for again. */
const RETRY_MS = 10_000
/** How long a peer that refuses is left alone; doubles up to `RETRY_MS`, ends with an answer. It may ration us. */
const REST_MS = 100

export type LayerPeer = {
  readonly hashes: { readonly outstanding: number; request(range: FileHashRange): void }
  readonly options: { readonly wire: 'v1' | 'v2' }
}

type Range = {
  readonly file: ShareFile
  readonly range: FileHashRange
  hashes: Uint8Array | undefined
  askedMs: number
  /** Who refused it. */
  readonly refused: Set<LayerPeer>
}

export class LayerPhase {
  readonly #share: Share
  readonly #sha256: Hash
  /** By root (equal files share one), in order. */
  readonly #roots = new Map<string, { readonly files: ShareFile[]; readonly ranges: readonly Range[] }>()
  readonly #open = new Set<Range>()
  readonly #resting = new Map<LayerPeer, { readonly restMs: number; readonly untilMs: number }>()

  constructor(share: Share, sha256: Hash) {
    this.#share = share
    this.#sha256 = sha256
    for (const file of filesWithoutLayer(share)) {
      const root = toHex(file.piecesRoot!)
      const known = this.#roots.get(root)
      known?.files.push(file)
      if (known) continue
      const ranges = rangesOf(file, share.layout.pieceLength)
      this.#roots.set(root, { files: [file], ranges })
      for (const range of ranges) this.#open.add(range)
    }
  }

  get done(): boolean {
    return this.#open.size === 0
  }

  /** Asks as many as may be under way. */
  ask(peers: Iterable<LayerPeer>, nowMs: number): void {
    for (const peer of peers) {
      if (peer.options.wire !== 'v2' || nowMs < (this.#resting.get(peer)?.untilMs ?? 0)) continue
      let refusedAll = true
      for (const range of this.#open) {
        if (peer.hashes.outstanding >= HASH_REQUESTS_MAX) break
        if (range.refused.has(peer)) continue
        refusedAll = false
        if (nowMs - range.askedMs < RETRY_MS) continue
        range.askedMs = nowMs
        peer.hashes.request(range.range)
      }
      if (refusedAll && peer.hashes.outstanding === 0) this.#forgetRefusals(peer)
    }
  }

  /** Returns false when the hashes are wrong: the peer lied. `hashes` undefined: it refused. */
  answer(
    peer: LayerPeer,
    { range: asked, hashes }: { range: FileHashRange; hashes: Uint8Array | undefined },
    nowMs: number,
  ): boolean {
    const range = this.#find(asked)
    if (range === undefined) return true
    range.askedMs = Number.NEGATIVE_INFINITY
    if (hashes === undefined) {
      range.refused.add(peer)
      const restMs = Math.min(RETRY_MS, 2 * (this.#resting.get(peer)?.restMs ?? REST_MS / 2))
      this.#resting.set(peer, { restMs, untilMs: nowMs + restMs })
      return true
    }
    this.#resting.delete(peer)
    const { file } = range
    const pieceLength = this.#share.layout.pieceLength
    const proof = { ...asked, root: file.piecesRoot!, hashes, fileLength: file.length, pieceLength }
    if (!verifyHashes(proof, this.#sha256)) return false
    const known = Math.min(asked.length, layerLength(file.length, asked.baseLayer) - asked.index)
    range.hashes = hashes.slice(0, known * HASH_BYTES)
    this.#open.delete(range)
    this.#finishRoot(file)
    return true
  }

  peerGone(peer: LayerPeer): void {
    this.#resting.delete(peer)
    this.#forgetRefusals(peer)
  }

  /** They come round again: what was refused may have been rationed. */
  #forgetRefusals(peer: LayerPeer): void {
    for (const range of this.#open) range.refused.delete(peer)
  }

  #find(asked: FileHashRange): Range | undefined {
    for (const range of this.#open) {
      const { index, length, baseLayer, piecesRoot } = range.range
      const same = index === asked.index && length === asked.length && baseLayer === asked.baseLayer
      if (same && toHex(piecesRoot) === toHex(asked.piecesRoot)) return range
    }
    return undefined
  }

  #finishRoot({ piecesRoot, length }: ShareFile): void {
    const root = toHex(piecesRoot!)
    const { files, ranges } = this.#roots.get(root)!
    if (ranges.some(({ hashes }) => hashes === undefined)) return
    const layer = concatBytes(...ranges.map(({ hashes }) => hashes!))
    for (const file of files) {
      if (file.length === length) this.#share.pieceLayers.set(file.index, layer)
    }
    this.#roots.delete(root)
  }
}

/** Files whose piece layer the share should have and does not. */
export function filesWithoutLayer(share: Share): ShareFile[] {
  return share.files.filter(
    ({ index, length, piecesRoot }) =>
      piecesRoot !== undefined && length > share.layout.pieceLength && !share.pieceLayers.has(index),
  )
}

/** How much memory the missing layers will take. */
export const missingLayerBytes = (share: Share): number =>
  filesWithoutLayer(share).reduce(
    (sum, { length }) => sum + HASH_BYTES * Math.ceil(length / share.layout.pieceLength),
    0,
  )

function rangesOf(file: ShareFile, pieceLength: number): Range[] {
  const baseLayer = pieceLayerOf(pieceLength)
  const height = treeHeight(file.length) - baseLayer
  const length = Math.min(RANGE_HASHES_MAX, 2 ** height)
  const count = Math.ceil(layerLength(file.length, baseLayer) / length)
  return Array.from({ length: count }, (_, i) => ({
    file,
    range: { piecesRoot: file.piecesRoot!, baseLayer, index: i * length, length, proofLayers: height - 1 },
    hashes: undefined,
    askedMs: Number.NEGATIVE_INFINITY,
    refused: new Set<LayerPeer>(),
  }))
}
