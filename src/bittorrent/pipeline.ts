/**
 * How many requests to keep under way at one peer: enough to cover speed times latency, and one second of slack.
 *
 * Starts like TCP: doubles each round trip until the speed stops growing, then follows the measured speed.
 *
 * @module
 */
import { BLOCK_BYTES } from '../content/layout.ts'

export const DEPTH_START = 32
const DEPTH_MIN = 4
const SLACK_MS = 1_000
/** Growth below this within one measurement ends the doubling. */
const GROWTH_MIN = 1.05

export class PipelineDepth {
  /** Never above this: the lesser of our setting and the peer's `reqq`. */
  max: number
  #depth: number
  #doubling = true
  #lastBytesPerS = 0
  #latencyMs = 0

  constructor(max: number) {
    this.max = max
    this.#depth = DEPTH_START
  }

  get depth(): number {
    return Math.max(1, Math.min(this.#depth, this.max))
  }

  get latencyMs(): number {
    return this.#latencyMs
  }

  blockArrived(latencyMs: number): void {
    if (this.#latencyMs === 0 || latencyMs < this.#latencyMs) this.#latencyMs = latencyMs
    if (this.#doubling && this.#depth < this.max) this.#depth++
  }

  /** About once a second, while blocks arrive. */
  measured(bytesPerS: number): void {
    if (this.#doubling) {
      this.#doubling = bytesPerS > this.#lastBytesPerS * GROWTH_MIN
      this.#lastBytesPerS = bytesPerS
      if (this.#doubling) return
    }
    // The least latency seen drifts up, so that a path that became longer is noticed.
    this.#latencyMs *= 1.02
    const wanted = Math.ceil((bytesPerS * (this.#latencyMs + SLACK_MS)) / 1_000 / BLOCK_BYTES)
    this.#depth = Math.max(DEPTH_MIN, wanted)
  }

  /** The peer stopped answering: one request at a time until it proves itself. */
  snubbed(): void {
    this.#depth = 1
    this.#doubling = false
    this.#lastBytesPerS = 0
  }

  /** It answered again. */
  recovered(): void {
    this.#depth = DEPTH_MIN
    this.#doubling = true
  }
}
