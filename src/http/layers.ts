/**
 * Which hashes make a layer of a file's BEP 52 tree, as `/file/{hash}/layer/{h}` serves it.
 *
 * Source: BEP 52; design section 2 (a chunk is the node 4 levels above the leaves; of a smaller file, its
 * root).
 *
 *   layer h of a file with n leaves: ceil(n / 2^h) hashes of 32 bytes, first to last, none over mere padding
 *
 * @module
 */
import { CHUNK_LAYER, LEAF_BYTES, layerLength, pieceLayerOf, treeHeight } from '../crypto/merkle.ts'

export const CHUNK_BYTES = LEAF_BYTES << CHUNK_LAYER

export type LayerPlan = {
  /** The layer really served: the root's where a small file has no chunk layer. */
  readonly layer: number
  readonly hashes: number
  /** What they are hashed from, and the layer of that. */
  readonly from: 'root' | 'piece-layer' | 'leaves'
  readonly base: number
}

/** Plans layer `height`, or undefined where the tree has none. Empty files have no tree. */
export function planLayer(
  file: { readonly length: number; readonly pieceLength: number },
  height: number,
): LayerPlan | undefined {
  const top = treeHeight(file.length)
  if (file.length === 0 || height > Math.max(top, CHUNK_LAYER)) return undefined
  if (height >= top) return { layer: top, hashes: 1, from: 'root', base: top }
  const hashes = layerLength(file.length, height)
  const base = pieceLayerOf(file.pieceLength)
  return height >= base
    ? { layer: height, hashes, from: 'piece-layer', base }
    : { layer: height, hashes, from: 'leaves', base: 0 }
}
