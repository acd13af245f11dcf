/**
 * What travels between a node and its store workers, and what their failures mean.
 *
 * @module
 */
import type { Place } from './jail.ts'
import type { PieceCheck } from './piece-check.ts'

/** A run of bytes of one file; `at` is its offset in the piece. */
export type FileRun = Place & {
  readonly file: number
  readonly offset: number
  readonly at: number
  readonly length: number
}

export type StoreJob =
  /** Hash the piece at `at` of the arena; if right, write it. */
  | {
      readonly kind: 'commit'
      /** Whose files: names the worker's open descriptors. */
      readonly owner: number
      readonly arena: SharedArrayBuffer
      readonly at: number
      readonly pieceBytes: number
      readonly check: PieceCheck
      readonly runs: readonly FileRun[]
      readonly blockDigests: boolean
    }
  /** Read a piece and hash it. */
  | {
      readonly kind: 'verify'
      readonly pieceBytes: number
      readonly check: PieceCheck
      readonly runs: readonly FileRun[]
    }
  /** BEP 52 leaf hashes of what the runs hold. */
  | { readonly kind: 'leaves'; readonly pieceBytes: number; readonly runs: readonly FileRun[] }
  /** SHA-256 of a whole file. */
  | { readonly kind: 'cid'; readonly place: Place }
  /** Close the descriptors that an owner's commits opened. */
  | { readonly kind: 'forget'; readonly owner: number }

/** `hash`: block digests, leaf hashes or a cid, as the job asked. */
export type StoreReply =
  | { readonly ok: true; readonly right: boolean; readonly hash?: Uint8Array }
  | { readonly ok: false; readonly code: string; readonly message: string }

export type StoreRequest = { readonly id: number; readonly job: StoreJob }
export type StoreAnswer = { readonly id: number; readonly reply: StoreReply }

/** For people: why a verified piece could not be kept below `path`. */
export function diskMessage(
  failure: { readonly code: string; readonly message: string },
  path: string,
): string {
  const { code, message } = failure
  if (code === 'ENOSPC' || code === 'EDQUOT') return `no space left for ${path}: free some, then resume`
  return `${path} cannot be written (${message}): repair that, then resume`
}
