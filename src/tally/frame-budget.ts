/**
 * How many frames a peer may send: a bucket that fills with time, so that nobody makes us verify for nothing.
 *
 * @module
 */

/** Honest links send a tally each 10 ms at most, and few frames beside. RUNS frames are bounded by what was sent. */
export const FRAMES_PER_S = 250
export const FRAMES_BURST = 500

export class FrameBudget {
  #left = FRAMES_BURST
  #atMs: number

  constructor(nowMs: number) {
    this.#atMs = nowMs
  }

  /** Takes one frame from the budget; false when there is none left. */
  take(nowMs: number): boolean {
    const earned = ((nowMs - this.#atMs) * FRAMES_PER_S) / 1000
    this.#left = Math.min(FRAMES_BURST, this.#left + Math.max(0, earned))
    this.#atMs = nowMs
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
