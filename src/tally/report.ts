/**
 * Report: everything a third party needs to judge a session by its newest tally.
 *
 * @module
 */
import type { Close } from './close.ts'
import type { SignedBytes } from './credential.ts'
import { encodeRuns } from './runs.ts'
import type { StoredSession } from './store.ts'

export type Report = {
  readonly open: Uint8Array
  readonly senderSignature: Uint8Array
  readonly receiverSignature: Uint8Array
  readonly tally: Uint8Array
  /** By the receiver's swarm key. */
  readonly tallySignature: Uint8Array
  /** Absent in bilateral scope only. */
  readonly senderCredential?: SignedBytes
  readonly receiverCredential?: SignedBytes
  readonly close?: Close
  /** Preimage of the tally's `blocks`: needed for minted credit. */
  readonly runs?: Uint8Array
}

/** The report of a kept session; undefined when nothing was signed in it. `withRuns` adds the blocks' preimage. */
export function reportOf(stored: StoredSession, options: { withRuns: boolean }): Report | undefined {
  const { open, senderSignature, receiverSignature, senderCredential, receiverCredential, newest } = stored
  if (newest === undefined) return undefined
  return {
    open,
    senderSignature,
    receiverSignature,
    tally: newest.tally,
    tallySignature: newest.signature,
    ...(senderCredential === undefined ? {} : { senderCredential }),
    ...(receiverCredential === undefined ? {} : { receiverCredential }),
    ...(options.withRuns ? { runs: encodeRuns(stored.runs.runs()) } : {}),
  }
}
