/**
 * A speed: bytes counted between ticks, averaged so that the last few seconds weigh most.
 *
 * @module
 */

/** About how many milliseconds the average looks back. */
export const RATE_SPAN_MS = 3_000

export class Rate {
  bytesPerS = 0
  #bytes = 0
  #started = false

  add(bytes: number): void {
    this.#bytes += bytes
  }

  /** `elapsedMs` since the tick before. The first span with bytes sets the average, so that it starts true. */
  tick(elapsedMs: number): void {
    if (elapsedMs <= 0) return
    const current = (this.#bytes * 1000) / elapsedMs
    const weight = this.#started ? Math.min(1, elapsedMs / RATE_SPAN_MS) : 1
    if (this.#bytes > 0) this.#started = true
    this.#bytes = 0
    this.bytesPerS += (current - this.bytesPerS) * weight
    if (this.bytesPerS < 1) this.bytesPerS = 0
  }
}
