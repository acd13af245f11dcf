/**
 * Medians and the uncertainty of a median, without assuming a distribution.
 *
 * @module
 */
const RESAMPLES = 10_000

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** A small generator (mulberry32) so that the same figures give the same interval. */
function seededFraction(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The 95 % percentile bootstrap interval of the median. */
export function bootstrapInterval(values: readonly number[]): readonly [low: number, high: number] {
  const fraction = seededFraction(1)
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(values.map(() => values[Math.floor(fraction() * values.length)]!)),
  ).sort((a, b) => a - b)
  return [medians[Math.floor(RESAMPLES * 0.025)]!, medians[Math.floor(RESAMPLES * 0.975)]!]
}
