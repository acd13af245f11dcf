/**
 * The order in which trackers are tried.
 *
 * Source: BEP 12, "Order of Processing": tiers in order, each shuffled once, a tracker that answers moves to
 * the front of its tier.
 *
 * @module
 */
import type { Random } from '../base/world.ts'

/** How many trackers of one torrent are used at all; a torrent may name thousands. */
export const TRACKERS_MAX = 64

export class TrackerTiers {
  readonly #tiers: string[][] = []

  /** A URL counts once, where it comes first; what is above `trackersMax` is left out. */
  constructor(tiers: readonly (readonly string[])[], random: Random, trackersMax = TRACKERS_MAX) {
    const seen = new Set<string>()
    for (const tier of tiers) {
      const fresh: string[] = []
      for (const url of tier) {
        if (seen.size >= trackersMax) break
        if (seen.has(url)) continue
        seen.add(url)
        fresh.push(url)
      }
      if (fresh.length > 0) this.#tiers.push(shuffled(fresh, random))
    }
  }

  /** All trackers, first to try first. */
  order(): string[] {
    return this.#tiers.flat()
  }

  answered(url: string): void {
    const tier = this.#tiers.find((urls) => urls.includes(url))
    if (tier === undefined) return
    tier.splice(tier.indexOf(url), 1)
    tier.unshift(url)
  }
}

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const copy = [...items]
  for (let last = copy.length - 1; last > 0; last--) {
    const other = Math.floor(random.fraction() * (last + 1))
    ;[copy[last], copy[other]] = [copy[other]!, copy[last]!]
  }
  return copy
}
