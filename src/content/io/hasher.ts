/**
 * Computes every hash of a share in one pass over its files, in worker threads: v1 pieces, v2 trees,
 * whole-file SHA-256 (`cid`) and ed2k. What is done when is in `hash-plan.ts`, by whom in `hash-pool.ts`.
 *
 * @module
 */
import { CodedError } from '../../base/errors.ts'
import { cid } from '../../base/ids.ts'
import { loadMd4 } from '../../crypto/io/md4.ts'
import { sha256 } from '../../crypto/io/sha.ts'
import { HASH_BYTES, pieceLayerOf, rootOf } from '../../crypto/merkle.ts'
import type { Hash } from '../../crypto/sha.ts'
import type { HashedFile } from '../create.ts'
import { ED2K_PART_BYTES, ed2kPartCount, ed2kRoot } from '../ed2k.ts'
import { type HashJob, type HashKinds, piecesOf, planHashing } from '../hash-plan.ts'
import type { Layout } from '../layout.ts'
import type { HashPool } from './hash-pool.ts'
import type { HashOutcome } from './hash-protocol.ts'

export type Progress = { readonly doneBytes: number; readonly totalBytes: number }
export type HashOptions = {
  readonly signal?: AbortSignal | undefined
  /** Called from time to time with payload bytes; a byte is done when its pieces are hashed. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}
export type ShareHashes = { readonly files: readonly HashedFile[]; readonly v1Pieces?: Uint8Array }

/**
 * Hashes the files of a layout, `paths` by file index.
 *
 * @throws {CodedError<'FILE_CHANGED'>} when a file became shorter meanwhile; system codes when one cannot be
 * read.
 */
export async function hashShare(
  pool: HashPool,
  {
    layout,
    kinds,
    paths,
  }: { readonly layout: Layout; readonly kinds: HashKinds; readonly paths: readonly string[] },
  { signal, onProgress }: HashOptions = {},
): Promise<ShareHashes> {
  const md4 = await loadMd4()
  const sheet = new HashSheet(layout, kinds)
  let doneBytes = 0
  await pool.run(planHashing(layout, kinds), paths, {
    signal,
    onOutcome(job, outcome) {
      sheet.fill(job, outcome)
      if (!countsForProgress(job, kinds)) return
      for (const span of job.spans) doneBytes += span.length
      onProgress?.({ doneBytes, totalBytes: layout.payloadBytes })
    },
  })
  return sheet.finish(md4.hash)
}

/**
 * Of the jobs that read a byte, the one that counts: the pieces', or else the one with the first kind asked
 * for.
 */
function countsForProgress(job: HashJob, { v1, v2, cid }: HashKinds): boolean {
  if (v2) return job.v2 !== undefined
  if (v1) return job.v1 !== undefined
  return cid ? job.cid !== undefined : job.ed2k !== undefined
}

/** Hashes as they come in, each at its place. */
class HashSheet {
  readonly #layout: Layout
  readonly #kinds: HashKinds
  readonly #v1: Uint8Array
  /** One hash a piece of piece space; a file's layer is a slice. */
  readonly #v2: Uint8Array
  readonly #cids: (Uint8Array | undefined)[] = []
  readonly #parts: Uint8Array[] = []

  constructor(layout: Layout, kinds: HashKinds) {
    this.#layout = layout
    this.#kinds = kinds
    this.#v1 = new Uint8Array(kinds.v1 ? 20 * layout.pieceCount : 0)
    this.#v2 = new Uint8Array(kinds.v2 ? HASH_BYTES * layout.pieceCount : 0)
  }

  fill(job: HashJob, outcome: HashOutcome): void {
    if (!outcome.ok) throw new CodedError(outcome.code, outcome.message)
    if (job.v1) this.#v1.set(outcome.v1!, 20 * job.v1.firstPiece)
    if (job.v2) this.#v2.set(outcome.v2!, HASH_BYTES * job.v2.firstPiece)
    if (job.cid?.last) this.#cids[job.cid.file] = outcome.cid!
    if (job.ed2k) {
      const { file, firstPart } = job.ed2k
      this.#parts[file] ??= new Uint8Array(16 * ed2kPartCount(this.#layout.files[file]!.length))
      this.#parts[file].set(outcome.ed2k!, 16 * firstPart)
    }
  }

  finish(md4: Hash): ShareHashes {
    const emptyPart = md4(new Uint8Array(0))
    const files = this.#layout.files.map(({ index, path, length }): HashedFile => {
      const parts = this.#parts[index]
      // The part behind an exact multiple is empty and no job hashed it (eMule's rule, see ed2k.ts).
      if (parts && length % ED2K_PART_BYTES === 0) parts.set(emptyPart, parts.length - 16)
      return {
        path,
        length,
        ...this.#tree(index),
        ...(this.#kinds.cid && { cid: cid(this.#cids[index]!) }),
        ...(parts && { ed2k: ed2kRoot(parts, md4) }),
      }
    })
    return { files, ...(this.#kinds.v1 && { v1Pieces: this.#v1 }) }
  }

  #tree(index: number): Pick<HashedFile, 'piecesRoot' | 'pieceLayer'> {
    const file = this.#layout.files[index]!
    if (!this.#kinds.v2 || file.length === 0) return {}
    const { first, end } = piecesOf(this.#layout, file)
    const layer = this.#v2.slice(HASH_BYTES * first, HASH_BYTES * end)
    if (end - first === 1) return { piecesRoot: layer }
    return { piecesRoot: rootOf(layer, pieceLayerOf(this.#layout.pieceLength), sha256), pieceLayer: layer }
  }
}
