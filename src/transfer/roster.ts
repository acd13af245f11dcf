/**
 * The sources of one transfer: those attached, best first, and what those that left have done.
 *
 * @module
 */
import type { Protocol, SourceStats } from './source.ts'
import { bySuitability, type SourceState } from './source-state.ts'

/** How many departed sources are remembered one by one; older ones are summed up by protocol. */
export const DEPARTED_MAX = 512

export class Roster {
  #ranked: SourceState[] = []
  /** Attached and departed, in the order of attaching. */
  readonly #byId = new Map<number, SourceState>()
  readonly #departed: SourceState[] = []
  readonly #sums = new Map<Protocol, SourceStats>()

  /** Attached sources, best first as of the last `rank`. Never changed in place: safe to iterate while calling out. */
  get attached(): readonly SourceState[] {
    return this.#ranked
  }

  /** Attached or recently departed. */
  get(id: number): SourceState | undefined {
    return this.#byId.get(id)
  }

  add(state: SourceState): void {
    this.#byId.set(state.id, state)
    this.#ranked = [...this.#ranked, state]
    this.rank()
  }

  rank(): void {
    this.#ranked = this.#ranked.toSorted(bySuitability)
  }

  depart(state: SourceState): void {
    this.#ranked = this.#ranked.filter((other) => other !== state)
    this.#departed.push(state)
    const oldest = this.#departed.length > DEPARTED_MAX ? this.#departed.shift() : undefined
    if (oldest === undefined) return
    this.#byId.delete(oldest.id)
    this.#sumUp(oldest.stats())
  }

  stats(): SourceStats[] {
    return [...this.#sums.values(), ...[...this.#byId.values()].map((state) => state.stats())]
  }

  #sumUp(one: SourceStats): void {
    const sum = this.#sums.get(one.protocol)
    this.#sums.set(one.protocol, {
      ...one,
      id: -1,
      label: 'earlier sources',
      receivedBytes: one.receivedBytes + (sum?.receivedBytes ?? 0),
      verifiedBytes: one.verifiedBytes + (sum?.verifiedBytes ?? 0),
      wastedBytes: one.wastedBytes + (sum?.wastedBytes ?? 0),
      badPieces: one.badPieces + (sum?.badPieces ?? 0),
    })
  }
}
