/**
 * Cuts the hashing of a share into jobs for workers, in the order of the data.
 *
 * v1 pieces, v2 trees and ed2k parts can be hashed side by side, a whole-file SHA-256 (`cid`) only from front
 * to back: so a large file gives jobs of each kind, cut where that kind can be cut, and the `cid` jobs of one
 * file are a stream that one worker keeps. Jobs come in the order of their first byte: whoever runs only a
 * few of them ahead reads the data from disk once and for the other kinds from memory. A small file is one
 * job with every kind.
 *
 * @module
 */
import { pieceLayerOf, treeHeight } from '../crypto/merkle.ts'
import { ED2K_PART_BYTES } from './ed2k.ts'
import type { Layout, LayoutFile, Span } from './layout.ts'

/** What to compute; `v2` asks for one hash a piece. */
export type HashKinds = {
  readonly v1: boolean
  readonly v2: boolean
  readonly cid: boolean
  readonly ed2k: boolean
}

export type HashJob = {
  /** First byte, in piece space. */
  readonly at: number
  readonly spans: readonly Span[]
  /** Bytes for v1 hashes: zeros fill what no span covers. The other kinds see the spans' bytes only. */
  readonly length: number
  /** A 20-byte hash for each `pieceLength` bytes, from piece `firstPiece` on. */
  readonly v1?: { readonly firstPiece: number; readonly pieceLength: number }
  /** A 32-byte hash for each `pieceLength` data bytes, `height` layers above their leaves. */
  readonly v2?: {
    readonly firstPiece: number
    readonly pieceLength: number
    readonly height: number
  }
  /** A 16-byte hash for each part, from `firstPart` of `file` on. */
  readonly ed2k?: { readonly file: number; readonly firstPart: number }
  /** The next bytes of the stream of `file`; the last job of a stream gives its 32-byte hash. */
  readonly cid?: { readonly file: number; readonly last: boolean }
}

/** Every kind in one job up to here. */
const SMALL_FILE_BYTES = 8 * 2 ** 20
const PIECES_JOB_BYTES = 8 * 2 ** 20
const CID_JOB_BYTES = 16 * 2 ** 20

/** All jobs for new hashes of a whole share. */
export function* planHashing(layout: Layout, kinds: HashKinds): Generator<HashJob, void, void> {
  if (kinds.v2) {
    for (const file of layout.files) yield* planAlignedFile(layout, file, kinds)
    return
  }
  // v1 only: pieces run over files, so they are jobs apart from what is hashed file by file.
  const jobs = kinds.v1 ? planPieces(layout, { first: 0, end: layout.pieceCount }, { v1: true }) : []
  for (const file of layout.files) jobs.push(...planWholeFile(file, kinds))
  yield* jobs.sort((a, b) => a.at - b.at)
}

function planAlignedFile(layout: Layout, file: LayoutFile, kinds: HashKinds): HashJob[] {
  const pieces = piecesOf(layout, file)
  const pieceJobs = file.length > 0 ? planPieces(layout, pieces, { v1: kinds.v1, v2File: file }) : []
  const fileJobs = planWholeFile(file, kinds)
  const [pieceJob] = pieceJobs
  const [fileJob] = fileJobs
  if (pieceJobs.length === 1 && fileJobs.length === 1 && pieceJob && fileJob) {
    return [{ ...fileJob, ...pieceJob }]
  }
  return [...fileJobs, ...pieceJobs].sort((a, b) => a.at - b.at)
}

/** The pieces [first, end) that hold an aligned file. */
export const piecesOf = (
  layout: Layout,
  file: LayoutFile,
): { readonly first: number; readonly end: number } => {
  const first = Math.floor(file.offset / layout.pieceLength)
  return { first, end: first + Math.ceil(file.length / layout.pieceLength) }
}

/** Jobs over the pieces [first, end); with `v2File` they all lie in that aligned file. */
export function planPieces(
  layout: Layout,
  { first, end }: { readonly first: number; readonly end: number },
  { v1, v2File }: { readonly v1: boolean; readonly v2File?: LayoutFile },
): HashJob[] {
  const { pieceLength } = layout
  const step = Math.max(1, Math.floor(PIECES_JOB_BYTES / pieceLength))
  const jobs: HashJob[] = []
  for (let firstPiece = first; firstPiece < end; firstPiece += step) {
    const last = Math.min(firstPiece + step, end) - 1
    const at = firstPiece * pieceLength
    const length = last * pieceLength + layout.v1HashBytes(last) - at
    const height = v2File && Math.min(pieceLayerOf(pieceLength), treeHeight(v2File.length))
    jobs.push({
      at,
      spans: layout.spansAt(at, length),
      length,
      ...(v1 && { v1: { firstPiece, pieceLength } }),
      ...(height !== undefined && { v2: { firstPiece, pieceLength, height } }),
    })
  }
  return jobs
}

function planWholeFile(file: LayoutFile, { cid, ed2k }: HashKinds): HashJob[] {
  if (!cid && !ed2k) return []
  const job = (from: number, bytes: number) => {
    const length = Math.min(bytes, file.length - from)
    const span = { file: file.index, fileOffset: from, at: 0, length }
    return { at: file.offset + from, spans: length > 0 ? [span] : [], length }
  }
  if (file.length <= SMALL_FILE_BYTES) {
    return [
      {
        ...job(0, file.length),
        ...(cid && { cid: { file: file.index, last: true } }),
        ...(ed2k && { ed2k: { file: file.index, firstPart: 0 } }),
      },
    ]
  }
  const jobs: HashJob[] = []
  for (let from = 0; cid && from < file.length; from += CID_JOB_BYTES) {
    const last = from + CID_JOB_BYTES >= file.length
    jobs.push({ ...job(from, CID_JOB_BYTES), cid: { file: file.index, last } })
  }
  for (let part = 0; ed2k && part * ED2K_PART_BYTES < file.length; part++) {
    const parts = job(part * ED2K_PART_BYTES, ED2K_PART_BYTES)
    jobs.push({ ...parts, ed2k: { file: file.index, firstPart: part } })
  }
  return jobs.sort((a, b) => a.at - b.at)
}
