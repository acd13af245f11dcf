/**
 * BEP 52 hash trees: SHA-256, two children a node, leaves of 16 KiB, balanced with zero leaves.
 *
 * Source: BEP 52, "pieces root", "piece layers" and the messages `hash request`, `hashes`, `hash reject`.
 * Layers count from the leaves (layer 0) to the root (layer `treeHeight`). A layer is its hashes joined, 32
 * bytes each, without those that cover nothing but padding.
 *
 *   hashes of a `hashes` message, in order:
 *   length x 32                   the hashes [index, index + length) of the base layer, padding hashes included
 *   uncleCount x 32               siblings on the way up, nearest the base first
 *   uncleCount = max(0, proofLayers + 1 - log2(length)): layers inside the base range are counted, never sent
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { bytesEqual, concatBytes } from '../base/bytes.ts'
import { type Hash, sha256 as portableSha256 } from './sha.ts'

export const LEAF_BYTES = 16_384
export const HASH_BYTES = 32
/** A Chiral chunk (256 KiB) is a node this many layers above the leaves (design section 2). */
export const CHUNK_LAYER = 4
/** libtorrent asks for whole pieces of leaves at once, up to a piece of 128 MiB; BEP 52 advises 512. */
export const REQUEST_HASHES_MAX = 8_192

/** A part of one file's tree, as BEP 52's hash messages name it. */
export type HashRange = {
  readonly baseLayer: number
  /** First hash wanted, a multiple of `length`. */
  readonly index: number
  /** A power of two. BEP 52 says at least 2; libtorrent also sends 1. */
  readonly length: number
  readonly proofLayers: number
}

export const isPowerOfTwo = (value: number): boolean =>
  Number.isSafeInteger(value) && value > 0 && Number.isInteger(Math.log2(value))

/** Leaves that hold data; an empty file has none. */
export const leafCount = (fileLength: number): number => Math.ceil(fileLength / LEAF_BYTES)

/** Layers above the leaves: 0 for a file of one leaf. */
export const treeHeight = (fileLength: number): number =>
  Math.ceil(Math.log2(Math.max(1, leafCount(fileLength))))

/** The layer whose hashes cover one piece each. */
export const pieceLayerOf = (pieceLength: number): number => Math.log2(pieceLength / LEAF_BYTES)

/** Hashes of a layer that cover data. */
export const layerLength = (fileLength: number, layer: number): number =>
  Math.ceil(leafCount(fileLength) / 2 ** layer)

const padHashes: Uint8Array[] = [new Uint8Array(HASH_BYTES)]

/** The hash at `layer` over nothing but zero leaves. Shared: do not write to it. */
export function padHash(layer: number): Uint8Array {
  for (let i = padHashes.length; i <= layer; i++) {
    padHashes[i] = portableSha256(concatBytes(padHashes[i - 1]!, padHashes[i - 1]!))
  }
  return padHashes[layer]!
}

/** Hash `index` of a layer (a view), or its padding hash. */
function hashAt(layerHashes: Uint8Array, index: number, layer: number): Uint8Array {
  const start = index * HASH_BYTES
  return start < layerHashes.length ? layerHashes.subarray(start, start + HASH_BYTES) : padHash(layer)
}

/** The layer above `layerHashes`, which is layer `layer`. */
export function parentLayer(
  layerHashes: Uint8Array,
  layer: number,
  sha256: Hash = portableSha256,
): Uint8Array {
  const count = layerHashes.length / HASH_BYTES
  const parents = new Uint8Array(Math.ceil(count / 2) * HASH_BYTES)
  const pair = new Uint8Array(2 * HASH_BYTES)
  for (let i = 0; i < count; i += 2) {
    pair.set(hashAt(layerHashes, i, layer))
    pair.set(hashAt(layerHashes, i + 1, layer), HASH_BYTES)
    parents.set(sha256(pair), (i / 2) * HASH_BYTES)
  }
  return parents
}

/** Climbs from layer `from` to layer `to`. */
export function layerAbove(
  layerHashes: Uint8Array,
  { from, to }: { readonly from: number; readonly to: number },
  sha256: Hash = portableSha256,
): Uint8Array {
  let hashes = layerHashes
  for (let layer = from; layer < to; layer++) hashes = parentLayer(hashes, layer, sha256)
  return hashes
}

/** Layer 0 of some data: one hash per 16 KiB. `data` starts on a leaf boundary. */
export function leafLayer(data: Uint8Array, sha256: Hash = portableSha256): Uint8Array {
  const hashes = new Uint8Array(leafCount(data.length) * HASH_BYTES)
  for (let at = 0, i = 0; at < data.length; at += LEAF_BYTES, i++) {
    hashes.set(sha256(data.subarray(at, at + LEAF_BYTES)), i * HASH_BYTES)
  }
  return hashes
}

/** The root over a layer that is whole: as many doublings as the layer needs. At least one hash. */
export function rootOf(layerHashes: Uint8Array, layer: number, sha256: Hash = portableSha256): Uint8Array {
  assert(layerHashes.length >= HASH_BYTES, 'a tree has at least one leaf')
  let hashes = layerHashes
  for (let at = layer; hashes.length > HASH_BYTES; at++) hashes = parentLayer(hashes, at, sha256)
  return hashes
}

/** Whether a range lies in the tree of a file, by BEP 52's rules; ask before `proofFor`. */
export function isValidRange(
  { baseLayer, index, length, proofLayers }: HashRange,
  fileLength: number,
): boolean {
  const above = treeHeight(fileLength) - baseLayer
  return (
    fileLength > 0 &&
    [baseLayer, index, proofLayers].every((value) => Number.isSafeInteger(value) && value >= 0) &&
    isPowerOfTwo(length) &&
    length <= REQUEST_HASHES_MAX &&
    above > 0 &&
    index % length === 0 &&
    index + length <= 2 ** above &&
    index < layerLength(fileLength, baseLayer) &&
    proofLayers < above
  )
}

/** How many uncle hashes follow the base hashes. */
export const uncleCount = ({ length, proofLayers }: HashRange): number =>
  Math.max(0, proofLayers + 1 - Math.log2(length))

/**
 * The hashes that answer a range, from the whole base layer of its file. The caller checked `isValidRange`.
 */
export function proofFor(
  layerHashes: Uint8Array,
  range: HashRange,
  sha256: Hash = portableSha256,
): Uint8Array {
  const { baseLayer, index, length } = range
  const out: Uint8Array[] = []
  for (let i = index; i < index + length; i++) out.push(hashAt(layerHashes, i, baseLayer))
  const rangeHeight = Math.log2(length)
  let hashes = layerAbove(layerHashes, { from: baseLayer, to: baseLayer + rangeHeight }, sha256)
  let layer = baseLayer + rangeHeight
  let node = index / length
  for (let left = uncleCount(range); left > 0; left--) {
    out.push(hashAt(hashes, node ^ 1, layer))
    hashes = parentLayer(hashes, layer++, sha256)
    node >>>= 1
  }
  return concatBytes(...out)
}

/**
 * As `proofFor`, without the whole file's leaves: from those of the one piece that holds the range, and the piece
 * layer (empty for a file of one piece). `range.length` is at most a piece's hashes at that layer.
 */
export function proofInPiece(
  {
    pieceLeaves,
    pieceLayer,
    pieceLength,
  }: Record<'pieceLeaves' | 'pieceLayer', Uint8Array> & { pieceLength: number },
  range: HashRange,
  sha256: Hash = portableSha256,
): Uint8Array {
  const { baseLayer, index, length } = range
  const height = pieceLayerOf(pieceLength)
  const perPiece = 2 ** (height - baseLayer)
  assert(length <= perPiece, 'the range lies in one piece')
  const uncles = uncleCount(range)
  const below = Math.min(uncles, Math.log2(perPiece / length))
  const inside = { baseLayer, index: index % perPiece, length, proofLayers: below - 1 + Math.log2(length) }
  const base = layerAbove(pieceLeaves, { from: 0, to: baseLayer }, sha256)
  const lower = proofFor(base, inside, sha256)
  if (below === uncles) return lower
  const node = {
    baseLayer: height,
    index: Math.floor(index / perPiece),
    length: 1,
    proofLayers: uncles - below - 1,
  }
  return concatBytes(lower, proofFor(pieceLayer, node, sha256).subarray(HASH_BYTES))
}

export type HashesAnswer = HashRange & {
  readonly root: Uint8Array
  readonly hashes: Uint8Array
  readonly fileLength: number
  readonly pieceLength: number
  /** The verified piece layer, when known: then a proof may end there instead of at the root. */
  readonly pieceLayer?: Uint8Array | undefined
}

/**
 * Whether the hashes of a `hashes` message belong to the tree with this root and this file length. When true,
 * the base hashes that cover data are `hashes.subarray(0, HASH_BYTES * min(length, layerLength - index))`.
 */
export function verifyHashes(answer: HashesAnswer, sha256: Hash = portableSha256): boolean {
  const { baseLayer, index, length, hashes, fileLength, root } = answer
  if (!isValidRange(answer, fileLength)) return false
  const uncles = uncleCount(answer)
  if (hashes.length !== (length + uncles) * HASH_BYTES) return false

  // The root binds only what is hashed into it: that nothing lies behind the file's end must be checked by
  // itself.
  const dataCount = Math.min(length, layerLength(fileLength, baseLayer) - index)
  for (let i = dataCount; i < length; i++) {
    if (!bytesEqual(hashAt(hashes, i, baseLayer), padHash(baseLayer))) return false
  }

  let layer = baseLayer + Math.log2(length)
  let node = index / length
  let top = layerAbove(hashes.subarray(0, length * HASH_BYTES), { from: baseLayer, to: layer }, sha256)
  for (let i = length; i < length + uncles; i++, layer++, node = Math.floor(node / 2)) {
    const uncle = hashAt(hashes, i, layer)
    if (node % 2 === 0 && node + 1 >= layerLength(fileLength, layer) && !bytesEqual(uncle, padHash(layer))) {
      return false
    }
    top = sha256(node % 2 === 0 ? concatBytes(top, uncle) : concatBytes(uncle, top))
  }
  return bytesEqual(top, expectedAt(answer, layer, node) ?? new Uint8Array(0)) && root.length === HASH_BYTES
}

/** What the tree is known to hold at (layer, node): the root, or a hash of or above the known piece layer. */
function expectedAt(answer: HashesAnswer, layer: number, node: number): Uint8Array | undefined {
  const { root, fileLength, pieceLength, pieceLayer } = answer
  if (layer === treeHeight(fileLength)) return root
  if (pieceLayer === undefined || layer !== pieceLayerOf(pieceLength)) return undefined
  return hashAt(pieceLayer, node, layer)
}
