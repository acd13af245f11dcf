/**
 * What a receiver has verified but not signed for, and when it signs.
 *
 * Source: design section 3: at half a window or 4 MiB, whichever is less, at least 10 ms apart, when idle, when asked
 * (at most 10 a second) and at close. Waste is declared beside the tally, unsigned.
 *
 * @module
 */

import { FRAME_RUNS_MAX } from './frames.ts'
import type { Run } from './link.ts'
import { RunSet } from './runs.ts'
import { WINDOW_MIN_BYTES } from './sender-window.ts'

export const SIGN_AT_BYTES = 4 * 2 ** 20
export const SIGN_GAP_MS = 10
export const ASK_GAP_MS = 100

/** What the next tally says. Bytes and waste are totals of the connection, `added` is what is new in `blocks`. */
export type Unsigned = {
  readonly bytes: number
  readonly waste: number
  readonly added: readonly Run[]
}

export class ReceiverSigner {
  /** All blocks of the session: what a tally's `blocks` is the digest of. */
  readonly blocks: RunSet
  readonly #added: RunSet
  #windowBytes = WINDOW_MIN_BYTES
  #verifiedBytes = 0
  #signedBytes = 0
  #wasteBytes = 0
  #declaredWasteBytes = 0
  #urgent = false
  #signedAtMs = Number.NEGATIVE_INFINITY
  #askedAtMs = Number.NEGATIVE_INFINITY

  constructor(runsMax?: number) {
    this.blocks = new RunSet(runsMax)
    this.#added = new RunSet(runsMax)
  }

  /** What the sender says its window is. */
  set windowBytes(bytes: number) {
    this.#windowBytes = Math.max(bytes, WINDOW_MIN_BYTES)
  }

  get verifiedBytes(): number {
    return this.#verifiedBytes
  }

  /** Nothing verified that is not signed for. */
  get settled(): boolean {
    return this.#verifiedBytes === this.#signedBytes
  }

  get hasNewWaste(): boolean {
    return this.#wasteBytes > this.#declaredWasteBytes
  }

  /** Bytes whose blocks could not be recorded are not signed for: a session has a bounded number of runs. */
  verified(runs: readonly Run[], payloadBytes: number): void {
    if (payloadBytes === 0 || !runs.every((run) => this.#record(run))) return
    this.#verifiedBytes += payloadBytes
  }

  wasted(payloadBytes: number): void {
    this.#wasteBytes += payloadBytes
  }

  /** The sender wants a tally. Answered at most ten times a second. */
  asked(nowMs: number): void {
    if (nowMs - this.#askedAtMs < ASK_GAP_MS) return
    this.#askedAtMs = nowMs
    this.#urgent = true
  }

  /** The connection is idle or ends: sign what there is. */
  hurry(): void {
    this.#urgent = true
  }

  /** Milliseconds until it is time to sign (0: now), or undefined when there is no reason to. */
  dueInMs(nowMs: number): number | undefined {
    const pending = this.#verifiedBytes - this.#signedBytes
    if (pending === 0 && !this.hasNewWaste) {
      this.#urgent = false
      return undefined
    }
    const enough =
      pending >= Math.min(this.#windowBytes / 2, SIGN_AT_BYTES) || this.#added.runCount >= FRAME_RUNS_MAX
    if (!enough && !this.#urgent) return undefined
    return Math.max(0, this.#signedAtMs + SIGN_GAP_MS - nowMs)
  }

  /** Takes what is to be signed now; it counts as signed. */
  take(nowMs: number): Unsigned {
    const added = this.#added.runs()
    this.#added.clear()
    this.#signedBytes = this.#verifiedBytes
    this.#declaredWasteBytes = this.#wasteBytes
    this.#signedAtMs = nowMs
    this.#urgent = false
    return { bytes: this.#signedBytes, waste: this.#wasteBytes, added }
  }

  /** A new session of the same connection: its blocks start from none, counts go on. Call when `settled`. */
  renew(): void {
    this.blocks.clear()
  }

  #record(run: Run): boolean {
    for (const part of this.blocks.missing(run)) {
      if (this.#added.runCount >= this.#added.runsMax || !this.blocks.add(part)) return false
      this.#added.add(part)
    }
    return true
  }
}
