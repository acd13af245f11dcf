/**
 * How far a sender goes ahead of what is signed for, and when it stops.
 *
 * Source: design section 3, "Window": at least max(1 MiB, 2 units), at most max(16 MiB, 2 units), grown by kept
 * promises; waste frees window but above 2 % + 2 units the sender chokes. All counts run over the whole connection.
 *
 * @module
 */
import { assert } from '../base/assert.ts'

export const WINDOW_MIN_BYTES = 2 ** 20
export const WINDOW_MAX_BYTES = 2 ** 24
/** Fast peers should not wait for many rounds of signing: from 1 MiB to 16 in two, after 2.5 MiB were signed for. */
const GROWTH = 4
/** Waste allowed, of what was sent, beside two units. */
const WASTE_PERCENT = 2

export class SenderWindow {
  readonly #unitBytes: number
  readonly #maxBytes: number
  #windowBytes: number
  #sentBytes = 0
  #signedBytes = 0
  #wasteBytes = 0
  /** `#signedBytes` when the window last grew. */
  #grownAtBytes = 0

  constructor(unitBytes: number) {
    assert(Number.isSafeInteger(unitBytes) && unitBytes > 0, 'a unit is a positive number of bytes')
    this.#unitBytes = unitBytes
    this.#windowBytes = Math.max(WINDOW_MIN_BYTES, 2 * unitBytes)
    this.#maxBytes = Math.max(WINDOW_MAX_BYTES, 2 * unitBytes)
  }

  get windowBytes(): number {
    return this.#windowBytes
  }

  get sentBytes(): number {
    return this.#sentBytes
  }

  get wasteBytes(): number {
    return this.#wasteBytes
  }

  sent(bytes: number): void {
    this.#sentBytes += bytes
  }

  /** Whether `bytes` more stay within the window and the peer does not waste too much. */
  maySend(bytes: number): boolean {
    const ahead = this.#sentBytes - this.#signedBytes - this.#wasteBytes
    return ahead + bytes <= this.#windowBytes && !this.wasteful
  }

  get wasteful(): boolean {
    return this.#wasteBytes > (this.#sentBytes * WASTE_PERCENT) / 100 + 2 * this.#unitBytes
  }

  /** Whether the peer may say so: both only grow, and together are no more than was sent. */
  accepts(signedBytes: number, wasteBytes: number): boolean {
    return (
      signedBytes >= this.#signedBytes &&
      wasteBytes >= this.#wasteBytes &&
      signedBytes + wasteBytes <= this.#sentBytes
    )
  }

  /** The peer has signed for this much and declared this much waste (`accepts` first). True when the window grew. */
  settle(signedBytes: number, wasteBytes: number): boolean {
    assert(this.accepts(signedBytes, wasteBytes), 'settled counts are acceptable')
    this.#signedBytes = signedBytes
    this.#wasteBytes = wasteBytes
    const kept = signedBytes - this.#grownAtBytes >= this.#windowBytes / 2
    if (!kept || this.#windowBytes >= this.#maxBytes) return false
    this.#grownAtBytes = signedBytes
    this.#windowBytes = Math.min(GROWTH * this.#windowBytes, this.#maxBytes)
    return true
  }
}
