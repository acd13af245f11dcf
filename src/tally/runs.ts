/**
 * Runs: which 16 KiB blocks a tally is about, as ascending disjoint ranges.
 *
 * Source: design section 3; docs/TALLY.md, "Runs". Canonical: ascending, not touching, no empty run.
 *
 *   n times: start 4 | count 4        digest = SHA-256 of these bytes
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { viewOf } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { digest } from './digest.ts'
import type { Run } from './link.ts'

export const RUN_BYTES = 8
/** Runs one set may hold (1 MiB of them): enough for 262,144 pieces in the worst order. */
export const RUNS_MAX = 131_072

export function encodeRuns(runs: readonly Run[]): Uint8Array {
  const bytes = new Uint8Array(runs.length * RUN_BYTES)
  const view = viewOf(bytes)
  runs.forEach(({ start, count }, i) => {
    view.setUint32(i * RUN_BYTES, start)
    view.setUint32(i * RUN_BYTES + 4, count)
  })
  return bytes
}

/** Reads runs of any order. @throws {DecodeError<'RUNS_LENGTH' | 'TOO_MANY_RUNS' | 'RUN_RANGE'>} */
export function decodeRuns(bytes: Uint8Array, runsMax: number = RUNS_MAX): Run[] {
  if (bytes.length % RUN_BYTES !== 0) throw new DecodeError('RUNS_LENGTH', 'runs are 8 bytes each')
  if (bytes.length / RUN_BYTES > runsMax) throw new DecodeError('TOO_MANY_RUNS', `at most ${runsMax} runs`)
  const view = viewOf(bytes)
  const runs: Run[] = []
  for (let offset = 0; offset < bytes.length; offset += RUN_BYTES) {
    const run = { start: view.getUint32(offset), count: view.getUint32(offset + 4) }
    if (run.count === 0 || run.start + run.count > 0x1_0000_0000) {
      throw new DecodeError('RUN_RANGE', 'a run is empty or ends beyond 2^32')
    }
    runs.push(run)
  }
  return runs
}

/** Canonical runs as a set. @throws {DecodeError<'RUNS_NOT_CANONICAL' | …>} as `decodeRuns` */
export function decodeRunSet(bytes: Uint8Array, runsMax: number = RUNS_MAX): RunSet {
  const set = new RunSet(runsMax)
  let end = -1
  for (const run of decodeRuns(bytes, runsMax)) {
    if (run.start <= end) throw new DecodeError('RUNS_NOT_CANONICAL', 'runs must ascend and not touch')
    end = run.start + run.count
    set.add(run)
  }
  return set
}

/** A set of block numbers that grows and knows its digest. Never holds more than `runsMax` runs. */
export class RunSet {
  readonly runsMax: number
  readonly #starts: number[] = []
  readonly #ends: number[] = []

  constructor(runsMax: number = RUNS_MAX) {
    this.runsMax = runsMax
  }

  get runCount(): number {
    return this.#starts.length
  }

  /** Adds a run, merging what it touches. False, and unchanged, when that would exceed `runsMax`. */
  add({ start, count }: Run): boolean {
    assert(count > 0, 'a run is not empty')
    const end = start + count
    const first = this.#firstEndingAtOrAfter(start)
    let next = first
    while (next < this.#starts.length && this.#starts[next]! <= end) next++
    if (next === first) {
      if (this.#starts.length >= this.runsMax) return false
      this.#starts.splice(first, 0, start)
      this.#ends.splice(first, 0, end)
      return true
    }
    this.#starts[first] = Math.min(start, this.#starts[first]!)
    this.#ends[first] = Math.max(end, this.#ends[next - 1]!)
    if (next > first + 1) {
      this.#starts.splice(first + 1, next - first - 1)
      this.#ends.splice(first + 1, next - first - 1)
    }
    return true
  }

  /** Whether every block of the run is in the set. */
  contains({ start, count }: Run): boolean {
    const i = this.#firstEndingAtOrAfter(start + count)
    return i < this.#starts.length && this.#starts[i]! <= start
  }

  /** Whether some block of the run is in the set. */
  intersects({ start, count }: Run): boolean {
    const i = this.#firstEndingAtOrAfter(start + 1)
    return i < this.#starts.length && this.#starts[i]! < start + count
  }

  /** The parts of a run that are not in the set, ascending. */
  missing({ start, count }: Run): Run[] {
    const parts: Run[] = []
    const end = start + count
    let from = start
    for (let i = this.#firstEndingAtOrAfter(start + 1); i < this.#starts.length && from < end; i++) {
      const gapEnd = Math.min(end, this.#starts[i]!)
      if (gapEnd > from) parts.push({ start: from, count: gapEnd - from })
      from = Math.max(from, this.#ends[i]!)
    }
    if (from < end) parts.push({ start: from, count: end - from })
    return parts
  }

  /** The canonical runs, a copy. */
  runs(): Run[] {
    return this.#starts.map((start, i) => ({ start, count: this.#ends[i]! - start }))
  }

  clear(): void {
    this.#starts.length = 0
    this.#ends.length = 0
  }

  /** SHA-256 of the canonical runs: a tally's `blocks`. */
  digest(sha256: (bytes: Uint8Array) => Uint8Array = digest): Uint8Array {
    return sha256(encodeRuns(this.runs()))
  }

  #firstEndingAtOrAfter(block: number): number {
    let low = 0
    let high = this.#ends.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#ends[middle]! < block) low = middle + 1
      else high = middle
    }
    return low
  }
}
