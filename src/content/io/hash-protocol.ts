/**
 * What the hash pool and its workers say to each other.
 *
 * @module
 */
import type { HashJob } from '../hash-plan.ts'

/** A job with the paths of its spans, and the run whose streams it belongs to. */
export type HashTask = { readonly run: number; readonly job: HashJob; readonly paths: readonly string[] }

/**
 * Tasks are answered in one `HashAnswer`, in order; `drop` forgets the streams of a run that was given up.
 */
export type HashRequest =
  | { readonly type: 'hash'; readonly tasks: readonly HashTask[] }
  | { readonly type: 'drop'; readonly run: number }

/** Hashes joined: 20, 32, 16 and 32 bytes each. */
export type Hashed = {
  readonly v1?: Uint8Array
  readonly v2?: Uint8Array
  readonly ed2k?: Uint8Array
  readonly cid?: Uint8Array
}

export type HashOutcome =
  | ({ readonly ok: true } & Hashed)
  | { readonly ok: false; readonly code: string; readonly message: string }

export type HashAnswer = { readonly outcomes: readonly HashOutcome[] }
