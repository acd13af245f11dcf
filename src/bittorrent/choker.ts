/**
 * Who is uploaded to. While downloading: those who give most (tit for tat) and, in turn, one more to find better
 * (optimistic unchoke). While seeding: everybody in turn, or the fastest takers.
 *
 * Source: BEP 3, "choking and optimistic unchoking". Pure: decides from figures, returns ids.
 *
 * @module
 */
import type { NoTallyPolicy } from './contract.ts'

export const CHOKE_ROUND_MS = 10_000
const OPTIMISTIC_MS = 30_000
/** While seeding, a peer keeps its slot this long before one that waits may have it. */
const SEED_TURN_MS = 30_000

export type ChokePeer = {
  readonly id: number
  readonly interested: boolean
  readonly choked: boolean
  /** When it was last choked or unchoked. */
  readonly changedMs: number
  /** What it gives us. */
  readonly downloadBytesPerS: number
  /** What it takes. */
  readonly uploadBytesPerS: number
  /** Tallies on both sides; undefined while the peer has not said; 'off' when we do not ask. */
  readonly tallies: 'off' | 'open' | 'none' | undefined
  /** The tally's window is open. */
  readonly maySend: boolean
}

export type ChokerSettings = {
  readonly slots: number
  readonly optimisticSlots: number
  readonly noTallyPolicy: NoTallyPolicy
  readonly seeding: 'round-robin' | 'fastest-upload'
}

export class Choker {
  readonly #settings: ChokerSettings
  readonly #fraction: () => number
  #optimistic: number[] = []
  #optimisticMs = Number.NEGATIVE_INFINITY

  /** @param fraction Chance in [0, 1), for the optimistic unchoke. */
  constructor(settings: ChokerSettings, fraction: () => number) {
    this.#settings = settings
    this.#fraction = fraction
  }

  /** The ids to be unchoked now; all others are to be choked. Call about every ten seconds. */
  round(peers: readonly ChokePeer[], nowMs: number, weSeed: boolean): Set<number> {
    const willing = peers.filter(wants)
    const ranked = weSeed ? this.#rankSeeding(willing, nowMs) : willing.toSorted(byDownload)
    const optimistic = this.#chooseOptimistic(ranked, nowMs, weSeed)
    const rest = ranked.filter(({ id }) => !optimistic.includes(id))
    return this.#fit([...ranked.filter(({ id }) => optimistic.includes(id)), ...rest], new Set())
  }

  /** As `round`, but nobody loses a slot: for a peer that just became interested. */
  fill(peers: readonly ChokePeer[]): Set<number> {
    const kept = peers.filter((peer) => !peer.choked && peer.maySend)
    const waiting = peers.filter((peer) => wants(peer) && peer.choked).toSorted(byDownload)
    return this.#fit([...kept, ...waiting], new Set(kept.map(({ id }) => id)))
  }

  #fit(ranked: readonly ChokePeer[], chosen: Set<number>): Set<number> {
    const { slots, noTallyPolicy } = this.#settings
    let withoutTally = ranked.filter(({ id, tallies }) => chosen.has(id) && tallies === 'none').length
    for (const { id, tallies } of ranked) {
      if (chosen.has(id)) continue
      if (chosen.size >= slots) break
      if (tallies === 'none') {
        if (withoutTally >= slotsWithoutTally(noTallyPolicy)) continue
        withoutTally++
      }
      chosen.add(id)
    }
    return chosen
  }

  #chooseOptimistic(ranked: readonly ChokePeer[], nowMs: number, weSeed: boolean): readonly number[] {
    const { optimisticSlots, slots } = this.#settings
    if (weSeed || ranked.length <= slots) return []
    const alive = this.#optimistic.filter((id) => ranked.some((peer) => peer.id === id))
    if (nowMs - this.#optimisticMs < OPTIMISTIC_MS && alive.length > 0) return alive
    this.#optimisticMs = nowMs
    const candidates = ranked.slice(Math.max(0, slots - optimisticSlots)).map(({ id }) => id)
    this.#optimistic = []
    while (this.#optimistic.length < optimisticSlots && candidates.length > 0) {
      const [id] = candidates.splice(Math.floor(this.#fraction() * candidates.length), 1)
      this.#optimistic.push(id!)
    }
    return this.#optimistic
  }

  #rankSeeding(peers: readonly ChokePeer[], nowMs: number): ChokePeer[] {
    if (this.#settings.seeding === 'fastest-upload') return peers.toSorted(byUpload)
    // In their turn first, the fastest of them leading; then who waits longest; last who had its turn.
    const group = ({ choked, changedMs }: ChokePeer) =>
      choked ? 1 : nowMs - changedMs < SEED_TURN_MS ? 0 : 2
    return peers.toSorted((a, b) => {
      if (group(a) !== group(b)) return group(a) - group(b)
      return group(a) === 1 ? a.changedMs - b.changedMs : byUpload(a, b)
    })
  }
}

const wants = ({ interested, maySend, tallies }: ChokePeer): boolean =>
  interested && maySend && tallies !== undefined

const byDownload = (a: ChokePeer, b: ChokePeer): number =>
  b.downloadBytesPerS - a.downloadBytesPerS || a.changedMs - b.changedMs
const byUpload = (a: ChokePeer, b: ChokePeer): number => b.uploadBytesPerS - a.uploadBytesPerS

function slotsWithoutTally(policy: NoTallyPolicy): number {
  if (policy === 'serve') return Number.POSITIVE_INFINITY
  return policy === 'refuse' ? 0 : policy.slots
}
