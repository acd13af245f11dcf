/**
 * The real clock and the system's random source.
 *
 * @module
 */
import { randomFillSync } from 'node:crypto'
import type { Clock, Random } from '../world.ts'

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}

export const systemRandom: Random = {
  bytes: (length) => randomFillSync(new Uint8Array(length)),
  fraction: () => Math.random(),
}
