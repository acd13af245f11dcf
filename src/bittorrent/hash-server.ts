/**
 * Answers hash requests: the piece layer from the torrent, lower layers from the verified pieces themselves.
 *
 * Source: BEP 52, `hash request`, `hashes`, `hash reject`.
 *
 * @module
 */
import { concatBytes, toHex } from '../base/bytes.ts'
import type { Share, ShareFile } from '../content/share.ts'
import { HASH_BYTES, isValidRange, padHash, parentLayer, pieceLayerOf, uncleCount } from '../crypto/merkle.ts'
import type { Hash } from '../crypto/sha.ts'
import type { ShareReader } from '../transfer/reader.ts'
import type { FileHashRange } from './hash-range.ts'

/** Files whose upper tree is kept: 2 x 32 bytes a piece each. */
const TREES_MAX = 8
/** A tree of so many hashes is made in less than a millisecond. */
const CHEAP_HASHES_MAX = 64

/** Layers of one subtree from `base` up; each without the hashes that cover only padding. */
type Tree = { readonly base: number; readonly layers: readonly Uint8Array[] }

export class HashServer {
  readonly #share: Share
  readonly #reader: ShareReader
  readonly #sha256: Hash
  readonly #files = new Map<string, ShareFile>()
  /** By file index, least recently used first. */
  readonly #trees = new Map<number, Tree>()

  constructor(reader: ShareReader, sha256: Hash) {
    this.#share = reader.share
    this.#reader = reader
    this.#sha256 = sha256
    for (const file of reader.share.files) {
      if (file.piecesRoot !== undefined) this.#files.set(toHex(file.piecesRoot), file)
    }
  }

  /** Whether an answer costs next to nothing: of a piece layer whose tree is known, or quickly made. */
  isCheap({ piecesRoot, baseLayer }: FileHashRange): boolean {
    const file = this.#files.get(toHex(piecesRoot))
    const layer = file && this.#share.pieceLayers.get(file.index)
    if (layer === undefined || baseLayer < pieceLayerOf(this.#share.layout.pieceLength)) return false
    return layer.length <= CHEAP_HASHES_MAX * HASH_BYTES || this.#trees.has(file!.index)
  }

  /** The hashes of a `hashes` message, or undefined for what must be rejected. */
  answer(range: FileHashRange): Promise<Uint8Array | undefined> {
    return this.#answer(range) ?? Promise.resolve(undefined)
  }

  #answer(range: FileHashRange): Promise<Uint8Array> | undefined {
    const file = this.#files.get(toHex(range.piecesRoot))
    const layout = this.#share.layout
    if (file === undefined || !isValidRange(range, file.length)) return undefined
    const pieceLayer = pieceLayerOf(layout.pieceLength)
    if (range.baseLayer >= pieceLayer && file.length > layout.pieceLength) {
      const tree = this.#upperTree(file, pieceLayer)
      return tree && Promise.resolve(concatBytes(...hashesOf(tree, range)))
    }
    return this.#lowerAnswer(file, range, pieceLayer)
  }

  /** A range below the piece layer and inside one piece. */
  #lowerAnswer(file: ShareFile, range: FileHashRange, pieceLayer: number): Promise<Uint8Array> | undefined {
    const perPiece = 2 ** (pieceLayer - range.baseLayer)
    const inFile = Math.floor(range.index / perPiece)
    const piece = this.#share.layout.files[file.index]!.offset / this.#share.layout.pieceLength + inFile
    if (range.length > perPiece || !this.#reader.have.has(piece)) return undefined
    const uncles = uncleCount(range)
    const inside = Math.min(uncles, pieceLayer - range.baseLayer - Math.log2(range.length))
    const upper = inside < uncles ? this.#upperTree(file, pieceLayer) : undefined
    if (inside < uncles && upper === undefined) return undefined
    const above = upper ? unclesOf(upper, pieceLayer, inFile, uncles - inside) : []
    return this.#reader.leafHashes(piece).then((leaves) => {
      const subtree = treeOver(leaves, 0, pieceLayer, this.#sha256)
      const within = { ...range, index: range.index % perPiece }
      return concatBytes(...hashesOf(subtree, within, inside), ...above)
    })
  }

  #upperTree(file: ShareFile, pieceLayer: number): Tree | undefined {
    const known = this.#trees.get(file.index)
    const hashes = this.#share.pieceLayers.get(file.index)
    if (hashes === undefined) return undefined
    const tree = known ?? treeOver(hashes, pieceLayer, Number.POSITIVE_INFINITY, this.#sha256)
    this.#trees.delete(file.index)
    this.#trees.set(file.index, tree)
    if (this.#trees.size > TREES_MAX) this.#trees.delete(this.#trees.keys().next().value!)
    return tree
  }
}

/** All layers from `hashes` (layer `base`) up to layer `top` or the root. */
function treeOver(hashes: Uint8Array, base: number, top: number, sha256: Hash): Tree {
  const layers = [hashes]
  for (let at = base; at < top && layers.at(-1)!.length > HASH_BYTES; at++) {
    layers.push(parentLayer(layers.at(-1)!, at, sha256))
  }
  // A subtree lower than `top` (a short last piece) goes on with padding to its right.
  for (let at = base + layers.length - 1; at < top && Number.isFinite(top); at++) {
    layers.push(parentLayer(layers.at(-1)!, at, sha256))
  }
  return { base, layers }
}

function hashesOf(tree: Tree, range: FileHashRange, uncles = uncleCount(range)): Uint8Array[] {
  const base = Array.from({ length: range.length }, (_, i) => hashIn(tree, range.baseLayer, range.index + i))
  const height = Math.log2(range.length)
  return [...base, ...unclesOf(tree, range.baseLayer + height, range.index / range.length, uncles)]
}

/** Siblings on the way up from (layer, node). */
const unclesOf = (tree: Tree, layer: number, node: number, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => hashIn(tree, layer + i, Math.floor(node / 2 ** i) ^ 1))

function hashIn({ base, layers }: Tree, layer: number, index: number): Uint8Array {
  const hashes = layers[layer - base] ?? new Uint8Array(0)
  const hash = hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES)
  return hash.length === HASH_BYTES ? hash : padHash(layer)
}
