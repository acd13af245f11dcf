/**
 * What makes a piece right: its BEP 52 node when that is known, else its SHA-1.
 *
 * Source: BEP 52 ("piece layers", "pieces root"), BEP 3 ("pieces"). A file of more than one piece has a node of the
 * piece layer for each, padded to the full height of a piece; a shorter file has only its root.
 *
 * @module
 */
import { bytesEqual } from '../../base/bytes.ts'
import { BLOCK_BYTES } from '../../content/layout.ts'
import type { Share } from '../../content/share.ts'
import { sha1, sha256 } from '../../crypto/io/sha.ts'
import { HASH_BYTES, layerAbove, leafLayer, pieceLayerOf, rootOf } from '../../crypto/merkle.ts'
import { BLOCK_DIGEST_BYTES } from '../trials.ts'

/** Crosses to a worker. `height`: layers above the leaves, or -1 for the root of a short file. */
export type PieceCheck =
  | { readonly kind: 'v2'; readonly hash: Uint8Array; readonly height: number }
  /** `bytes` is what SHA-1 covers, trailing padding included. */
  | { readonly kind: 'v1'; readonly hash: Uint8Array; readonly bytes: number }

/** Undefined while the hash is unknown (piece layers still to come). */
export function checkOf(share: Share, piece: number): PieceCheck | undefined {
  const { layout, v1Pieces } = share
  const { pieceLength } = layout
  const span = layout.spans(piece, 0, pieceLength)[0]
  const file = span === undefined ? undefined : share.files[span.file]
  if (span !== undefined && file?.piecesRoot !== undefined) {
    if (file.length <= pieceLength) return { kind: 'v2', hash: file.piecesRoot, height: -1 }
    const at = (span.fileOffset / pieceLength) * HASH_BYTES
    const hash = share.pieceLayers.get(file.index)?.slice(at, at + HASH_BYTES)
    if (hash?.length === HASH_BYTES) return { kind: 'v2', hash, height: pieceLayerOf(pieceLength) }
  }
  if (v1Pieces === undefined) return undefined
  return { kind: 'v1', hash: v1Pieces.slice(20 * piece, 20 * piece + 20), bytes: layout.v1HashBytes(piece) }
}

/**
 * Whether the first `pieceBytes` of `memory` are the piece. For SHA-1, `memory` must have room for the padding, which
 * is zeroed here.
 */
export function isRight(memory: Uint8Array, pieceBytes: number, check: PieceCheck): boolean {
  if (check.kind === 'v1') {
    memory.fill(0, pieceBytes, check.bytes)
    return bytesEqual(sha1(memory.subarray(0, check.bytes)), check.hash)
  }
  const leaves = leafLayer(memory.subarray(0, pieceBytes), sha256)
  const node =
    check.height === -1
      ? rootOf(leaves, 0, sha256)
      : layerAbove(leaves, { from: 0, to: check.height }, sha256)
  return bytesEqual(node, check.hash)
}

/** See `Trials`: one digest a block, back to back. */
export function digestBlocks(piece: Uint8Array): Uint8Array {
  const digests = new Uint8Array(Math.ceil(piece.length / BLOCK_BYTES) * BLOCK_DIGEST_BYTES)
  for (let at = 0, i = 0; at < piece.length; at += BLOCK_BYTES, i++) {
    digests.set(sha1(piece.subarray(at, at + BLOCK_BYTES)), i * BLOCK_DIGEST_BYTES)
  }
  return digests
}
