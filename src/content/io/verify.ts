/**
 * Which pieces of a share are whole on disk: by v2 tree where its hashes are known, else by v1 hash.
 *
 * @module
 */
import { stat } from 'node:fs/promises'
import { bytesEqual } from '../../base/bytes.ts'
import { HASH_BYTES } from '../../crypto/merkle.ts'
import { type HashJob, piecesOf, planPieces } from '../hash-plan.ts'
import type { LayoutFile } from '../layout.ts'
import type { Share } from '../share.ts'
import type { HashPool } from './hash-pool.ts'
import type { HashOptions } from './hasher.ts'
import { mapBatched } from './map-batched.ts'

/** How many pieces from the start of an aligned file are whole in a file of `sizeBytes`. */
const wholePieces = (file: LayoutFile, pieceLength: number, sizeBytes: number): number =>
  sizeBytes >= file.length ? Math.ceil(file.length / pieceLength) : Math.floor(sizeBytes / pieceLength)

/** The hashes that the pieces of a file have in its tree, joined; undefined while the layer is not known. */
function treeHashes(
  { files, layout, pieceLayers }: Share,
  { index, length }: LayoutFile,
): Uint8Array | undefined {
  return length <= layout.pieceLength ? files[index]!.piecesRoot : pieceLayers.get(index)
}

function* planVerifying(share: Share, sizes: readonly number[]): Generator<HashJob, void, void> {
  const { layout } = share
  const byTree = new Uint8Array(layout.pieceCount)
  for (const file of layout.files) {
    if (file.length === 0 || treeHashes(share, file) === undefined) continue
    const { first, end } = piecesOf(layout, file)
    byTree.fill(1, first, end)
    const whole = first + wholePieces(file, layout.pieceLength, sizes[file.index]!)
    yield* planPieces(layout, { first, end: whole }, { v1: false, v2File: file })
  }
  if (share.v1Pieces === undefined) return
  const readable = (piece: number) =>
    layout
      .spans(piece, 0, layout.pieceBytes(piece))
      .every(({ file, fileOffset, length }) => fileOffset + length <= sizes[file]!)
  let first = 0
  for (let piece = 0; piece <= layout.pieceCount; piece++) {
    if (piece < layout.pieceCount && !byTree[piece] && readable(piece)) continue
    yield* planPieces(layout, { first, end: piece }, { v1: true })
    first = piece + 1
  }
}

/** The length of a file that is there and is a file, else 0. */
async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() ? found.size : 0
}

/**
 * Good pieces as a bit field in wire order (piece 0 is the high bit of byte 0). `paths` are the files by
 * index, see `sharePaths`. Missing, short or unreadable files make bad pieces, never an error; progress
 * counts what was read.
 *
 * @throws the signal's reason; CodedError `HASH_WORKER_FAILED` or `HASH_POOL_CLOSED`
 */
export async function verifyShare(
  pool: HashPool,
  { share, paths }: { readonly share: Share; readonly paths: readonly string[] },
  { signal, onProgress }: HashOptions = {},
): Promise<Uint8Array> {
  const { layout } = share
  const sizes = await mapBatched(paths, sizeOf)
  const bits = new Uint8Array((layout.pieceCount + 7) >>> 3)
  /** Sets the bits of pieces whose hashes, `unit` bytes each, are those expected from `firstPiece` on. */
  const compare = (firstPiece: number, unit: number, hashes: Uint8Array, expected: Uint8Array) => {
    for (let at = 0, piece = firstPiece; at < hashes.length; at += unit, piece++) {
      if (!bytesEqual(hashes.subarray(at, at + unit), expected.subarray(at, at + unit))) continue
      bits[piece >>> 3]! |= 0x80 >>> (piece & 7)
    }
  }
  let doneBytes = 0
  await pool.run(planVerifying(share, sizes), paths, {
    signal,
    onOutcome({ spans, v1, v2 }, outcome) {
      for (const span of spans) doneBytes += span.length
      onProgress?.({ doneBytes, totalBytes: layout.payloadBytes })
      if (!outcome.ok) return
      if (v1) compare(v1.firstPiece, 20, outcome.v1!, share.v1Pieces!.subarray(20 * v1.firstPiece))
      if (v2) {
        const file = layout.files[spans[0]!.file]!
        const start = HASH_BYTES * (v2.firstPiece - piecesOf(layout, file).first)
        compare(v2.firstPiece, HASH_BYTES, outcome.v2!, treeHashes(share, file)!.subarray(start))
      }
    },
  })
  return bits
}
