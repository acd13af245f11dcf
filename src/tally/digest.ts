/**
 * The one hash of tallies: SHA-256, over parts joined.
 *
 * Source: docs/TALLY.md, "Conventions".
 *
 * @module
 */
import { concatBytes } from '../base/bytes.ts'
import { sha256 } from '../crypto/sha.ts'

export const DIGEST_BYTES = 32

/** SHA-256 of the parts joined. */
export const digest = (...parts: readonly Uint8Array[]): Uint8Array => sha256(concatBytes(...parts))
