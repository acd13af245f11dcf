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

/** Expected hashes by piece of piece space: a tree's, else v1's. */
class Expected {
  readonly #share: Share
  readonly #trees = new Map<number, Uint8Array>()

  constructor(share: Share) {
    this.#share = share
    for (const file of share.layout.files) {
      const hashes = treeHashes(share, file)
      if (hashes === undefined) continue
      const { first, end } = piecesOf(share.layout, file)
      for (let piece = first; piece < end; piece++) {
        const at = (piece - first) * HASH_BYTES
        this.#trees.set(piece, hashes.subarray(at, at + HASH_BYTES))
      }
    }
  }

  hasTree(piece: number): boolean {
    return this.#trees.has(piece)
  }

  tree(piece: number): Uint8Array {
    return this.#trees.get(piece)!
  }

  v1(piece: number): Uint8Array {
    return this.#share.v1Pieces!.subarray(20 * piece, 20 * piece + 20)
  }
}

function* planVerifying(
  share: Share,
  expected: Expected,
  sizes: readonly number[],
): Generator<HashJob, void, void> {
  const { layout } = share
  for (const file of layout.files) {
    const { first } = piecesOf(layout, file)
    if (file.length === 0 || !expected.hasTree(first)) continue
    const end = first + wholePieces(file, layout.pieceLength, sizes[file.index]!)
    yield* planPieces(layout, { first, end }, { v1: false, v2File: file })
  }
  if (share.v1Pieces === undefined) return
  const readable = (piece: number) =>
    layout
      .spans(piece, 0, layout.pieceBytes(piece))
      .every(({ file, fileOffset, length }) => fileOffset + length <= sizes[file]!)
  let first = 0
  for (let piece = 0; piece <= layout.pieceCount; piece++) {
    if (piece < layout.pieceCount && !expected.hasTree(piece) && readable(piece)) continue
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
  const { pieceCount, payloadBytes } = share.layout
  const expected = new Expected(share)
  const sizes = await mapBatched(paths, sizeOf)
  const bits = new Uint8Array((pieceCount + 7) >>> 3)
  let doneBytes = 0
  const compare = (first: number, hashes: Uint8Array, wanted: (piece: number) => Uint8Array) => {
    for (let at = 0, piece = first; at < hashes.length; piece++) {
      const want = wanted(piece)
      if (bytesEqual(hashes.subarray(at, at + want.length), want)) bits[piece >>> 3]! |= 0x80 >>> (piece & 7)
      at += want.length
    }
  }
  await pool.run(planVerifying(share, expected, sizes), paths, {
    signal,
    onOutcome(job, outcome) {
      for (const span of job.spans) doneBytes += span.length
      onProgress?.({ doneBytes, totalBytes: payloadBytes })
      if (!outcome.ok) return
      if (job.v2) compare(job.v2.firstPiece, outcome.v2!, (piece) => expected.tree(piece))
      if (job.v1) compare(job.v1.firstPiece, outcome.v1!, (piece) => expected.v1(piece))
    },
  })
  return bits
}
