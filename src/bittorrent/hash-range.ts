/**
 * The fields that hash request, hashes and hash reject share.
 *
 * Source: BEP 52, "peer messages" 21-23. Integers are big-endian.
 *
 *   offset  size  field
 *   0       32    piecesRoot   names the file
 *   32      4     baseLayer    0 is the leaves (16 KiB)
 *   36      4     index        first hash, a multiple of length
 *   40      4     length       a power of two
 *   44      4     proofLayers  ancestor layers wanted
 *   48      32*n  hashes       in `hashes` only: the base layer, then the uncles
 *
 * @module
 */
import { concatBytes, viewOf } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { HASH_BYTES, type HashRange, isPowerOfTwo, REQUEST_HASHES_MAX } from '../crypto/merkle.ts'

/** A range of one file's tree; the file is named by its root. */
export type FileHashRange = HashRange & { readonly piecesRoot: Uint8Array }

export const HASH_RANGE_BYTES = 48
/** 2^40 leaves are 16 PiB: no file has more layers (our limit). */
export const LAYERS_MAX = 40

/**
 * Reads the fields (copies). Checks what needs no knowledge of the file.
 *
 * @throws {DecodeError<'HASH_RANGE'>}
 */
export function decodeHashRange(bytes: Uint8Array): FileHashRange {
  const view = viewOf(bytes)
  const range = {
    piecesRoot: bytes.slice(0, HASH_BYTES),
    baseLayer: view.getUint32(32),
    index: view.getUint32(36),
    length: view.getUint32(40),
    proofLayers: view.getUint32(44),
  }
  const { baseLayer, index, length, proofLayers } = range
  const allowed =
    isPowerOfTwo(length) &&
    length <= REQUEST_HASHES_MAX &&
    index % length === 0 &&
    baseLayer <= LAYERS_MAX &&
    proofLayers <= LAYERS_MAX
  if (allowed) return range
  throw new DecodeError('HASH_RANGE', 'a hash message asks for a range that BEP 52 does not allow', {
    details: { baseLayer, index, length, proofLayers },
  })
}

export function encodeHashRange(range: FileHashRange, hashes: Uint8Array = new Uint8Array(0)): Uint8Array {
  const fields = new Uint8Array(HASH_RANGE_BYTES)
  fields.set(range.piecesRoot)
  const view = viewOf(fields)
  view.setUint32(32, range.baseLayer)
  view.setUint32(36, range.index)
  view.setUint32(40, range.length)
  view.setUint32(44, range.proofLayers)
  return concatBytes(fields, hashes)
}
