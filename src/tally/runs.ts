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
  /** The canonical runs as they are encoded, so that a digest is one hash and no rewriting. */
  #bytes = new Uint8Array(0)
  #view = viewOf(this.#bytes)
  #count = 0

  constructor(runsMax: number = RUNS_MAX) {
    this.runsMax = runsMax
  }

  get runCount(): number {
    return this.#count
  }

  /** Adds a run, merging what it touches. False, and unchanged, when that would exceed `runsMax` or a run's 32 bits. */
  add({ start, count }: Run): boolean {
    assert(count > 0, 'a run is not empty')
    const end = start + count
    const first = this.#firstEndingAtOrAfter(start)
    let next = first
    while (next < this.#count && this.#start(next) <= end) next++
    const from = next === first ? start : Math.min(start, this.#start(first))
    const to = next === first ? end : Math.max(end, this.#end(next - 1))
    if (to - from > 0xffff_ffff || (next === first && this.#count >= this.runsMax)) return false
    this.#makeRoom(first, next)
    this.#view.setUint32(first * RUN_BYTES, from)
    this.#view.setUint32(first * RUN_BYTES + 4, to - from)
    return true
  }

  /** Whether every block of the run is in the set. */
  contains({ start, count }: Run): boolean {
    const i = this.#firstEndingAtOrAfter(start + count)
    return i < this.#count && this.#start(i) <= start
  }

  /** Whether some block of the run is in the set. */
  intersects({ start, count }: Run): boolean {
    const i = this.#firstEndingAtOrAfter(start + 1)
    return i < this.#count && this.#start(i) < start + count
  }

  /** The parts of a run that are not in the set, ascending. */
  missing({ start, count }: Run): Run[] {
    const parts: Run[] = []
    const end = start + count
    let from = start
    for (let i = this.#firstEndingAtOrAfter(start + 1); i < this.#count && from < end; i++) {
      const gapEnd = Math.min(end, this.#start(i))
      if (gapEnd > from) parts.push({ start: from, count: gapEnd - from })
      from = Math.max(from, this.#end(i))
    }
    if (from < end) parts.push({ start: from, count: end - from })
    return parts
  }

  /** The canonical runs, a copy. */
  runs(): Run[] {
    return Array.from({ length: this.#count }, (_, i) => {
      const start = this.#start(i)
      return { start, count: this.#end(i) - start }
    })
  }

  clear(): void {
    this.#count = 0
  }

  /** SHA-256 of the canonical runs: a tally's `blocks`. */
  digest(sha256: (bytes: Uint8Array) => Uint8Array = digest): Uint8Array {
    return sha256(this.#bytes.subarray(0, this.#count * RUN_BYTES))
  }

  #start(i: number): number {
    return this.#view.getUint32(i * RUN_BYTES)
  }

  #end(i: number): number {
    return this.#start(i) + this.#view.getUint32(i * RUN_BYTES + 4)
  }

  /** Runs [first, next) become one. */
  #makeRoom(first: number, next: number): void {
    const count = this.#count + 1 - (next - first)
    if (count * RUN_BYTES > this.#bytes.length) {
      const grown = new Uint8Array(2 * count * RUN_BYTES)
      grown.set(this.#bytes)
      this.#bytes = grown
      this.#view = viewOf(grown)
    }
    this.#bytes.copyWithin((first + 1) * RUN_BYTES, next * RUN_BYTES, this.#count * RUN_BYTES)
    this.#count = count
  }

  #firstEndingAtOrAfter(block: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#end(middle) < block) low = middle + 1
      else high = middle
    }
    return low
  }
}
