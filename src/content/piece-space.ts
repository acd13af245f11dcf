/**
 * Lays files out in piece space: end to end as in v1, or each on a piece boundary as in v2 and hybrid shares.
 *
 * Source: BEP 3 "piece length", BEP 52 "piece length". The rules themselves are in `layout.ts`.
 *
 * @module
 */
import { DecodeError } from '../base/errors.ts'
import { isPowerOfTwo } from '../crypto/merkle.ts'
import { BLOCK_BYTES, Layout, type LayoutFile } from './layout.ts'

export const PIECE_LENGTH_MAX = 128 * 2 ** 20
/** So many pieces have 105 MiB of hashes; 16 TiB at 8 MiB a piece. */
const PIECES_MAX = 2 ** 21
export const FILES_MAX = 200_000

export type SizedFile = { readonly path: string; readonly length: number }

/** Bytes from `offset` up to the next piece boundary: 0 when it is on one. */
export const padAfter = (offset: number, pieceLength: number): number =>
  (pieceLength - (offset % pieceLength)) % pieceLength

/** A layout of sizes that were checked. @throws {DecodeError<'TOTAL_TOO_LARGE' | 'TOO_MANY_PIECES'>} */
export function createLayout(pieceLength: number, files: readonly LayoutFile[], totalLength: number): Layout {
  if (!Number.isSafeInteger(totalLength)) throw new DecodeError('TOTAL_TOO_LARGE', 'the share is too large')
  if (totalLength > pieceLength * PIECES_MAX) {
    throw new DecodeError('TOO_MANY_PIECES', `more than ${PIECES_MAX} pieces`)
  }
  return new Layout({ pieceLength, files, totalLength })
}

/**
 * Each non-empty file on a piece boundary; ends with the last file's data, or with its piece when
 * `tailPadded`.
 */
export function alignedLayout(
  pieceLength: number,
  files: readonly SizedFile[],
  { tailPadded = false }: { readonly tailPadded?: boolean } = {},
): Layout {
  let end = 0
  const placed = files.map(({ path, length }, index) => {
    const offset = length > 0 ? end + padAfter(end, pieceLength) : end
    end = offset + length
    return { index, path, length, offset }
  })
  return createLayout(pieceLength, placed, tailPadded ? end + padAfter(end, pieceLength) : end)
}

/** Files end to end, no padding. */
export function packedLayout(pieceLength: number, files: readonly SizedFile[]): Layout {
  let end = 0
  const placed = files.map(({ path, length }, index) => {
    const offset = end
    end += length
    return { index, path, length, offset }
  })
  return createLayout(pieceLength, placed, end)
}

/** True for the piece lengths of BEP 52: powers of two from 16 KiB, here up to `PIECE_LENGTH_MAX`. */
export const isV2PieceLength = (pieceLength: number): boolean =>
  isPowerOfTwo(pieceLength) && pieceLength >= BLOCK_BYTES && pieceLength <= PIECE_LENGTH_MAX
