/**
 * What a transfer knows of one source: what it has, what it was asked for, what it sent, what it costs.
 *
 * @module
 */
import { BLOCK_BYTES } from '../content/layout.ts'
import { Bitfield } from './bitfield.ts'
import { Rate } from './rate.ts'
import type { RequestList } from './slots.ts'
import type { Source, SourceStats, SourceTerms } from './source.ts'

/** How much more reputation (of 1000) makes a source a better one: less is noise. */
const REPUTATION_STEP = 50
/** How long a source that was answered short is waited for, and what "room" means: less queued than this. */
export const HUNGRY_MS = 2_000
/** Time without a block before a source counts as silent: for the first block ever, at least, at most. */
export const FIRST_BLOCK_TIMEOUT_MS = 20_000
export const TIMEOUT_MS_MAX = 60_000

export class SourceState implements RequestList {
  readonly id: number
  readonly source: Source
  head = -1
  tail = -1
  requests = 0
  bits: Bitfield
  /** Has every piece; then `bits` is full and not counted in the availability of each. */
  isSeed = false
  /** Missing pieces that this source has. */
  useful = 0
  ready = false
  attached = true
  priceWeiPerMib: bigint
  reputation: number
  /** The slot it filled last, or -1. */
  slot = -1
  /** Since when it has been waiting for more than it got; -1 when its last pick was answered in full. */
  hungrySinceMs = -1
  /** No work before this time: after a refusal or a silence. */
  backoffUntilMs = 0
  lastProgressMs: number
  /** Silences since the last block. */
  silences = 0
  /** Requests given back since the last block. */
  refusals = 0
  receivedBytes = 0
  verifiedBytes = 0
  wastedBytes = 0
  badPieces = 0
  readonly rate = new Rate()

  constructor(id: number, source: Source, terms: SourceTerms, about: { pieceCount: number; nowMs: number }) {
    this.id = id
    this.source = source
    this.priceWeiPerMib = terms.priceWeiPerMib
    this.reputation = terms.reputation
    this.bits = new Bitfield(about.pieceCount)
    this.lastProgressMs = about.nowMs
  }

  /** Waits for work that it could begin now: rivals that are dearer or worse stand back for it. */
  isHungry(nowMs: number): boolean {
    if (!this.ready || this.hungrySinceMs === -1 || nowMs < this.backoffUntilMs) return false
    const queuedMs = (this.requests * BLOCK_BYTES * 1000) / Math.max(this.rate.bytesPerS, BLOCK_BYTES)
    return nowMs - this.hungrySinceMs <= HUNGRY_MS && queuedMs < HUNGRY_MS
  }

  /** Cheaper, or as cheap and clearly better trusted. */
  isPreferredTo(other: SourceState): boolean {
    if (this.priceWeiPerMib !== other.priceWeiPerMib) return this.priceWeiPerMib < other.priceWeiPerMib
    return this.reputation >= other.reputation + REPUTATION_STEP
  }

  /** How long it may be silent while it owes blocks: four times what a block takes it, within bounds. */
  timeoutMs(floorMs: number): number {
    if (this.receivedBytes === 0) return Math.max(floorMs, FIRST_BLOCK_TIMEOUT_MS)
    const blockMs = (BLOCK_BYTES * 1000) / Math.max(this.rate.bytesPerS, 1)
    return Math.min(Math.max(TIMEOUT_MS_MAX, floorMs), floorMs + 4 * blockMs)
  }

  stats(): SourceStats {
    return {
      id: this.id,
      protocol: this.source.protocol,
      label: this.source.label,
      receivedBytes: this.receivedBytes,
      verifiedBytes: this.verifiedBytes,
      wastedBytes: this.wastedBytes,
      badPieces: this.badPieces,
      bytesPerS: this.attached ? Math.round(this.rate.bytesPerS) : 0,
      attached: this.attached,
    }
  }
}

/** Who is woken first: price, then reputation, then speed. */
export function bySuitability(a: SourceState, b: SourceState): number {
  if (a.priceWeiPerMib !== b.priceWeiPerMib) return a.priceWeiPerMib < b.priceWeiPerMib ? -1 : 1
  return b.reputation - a.reputation || b.rate.bytesPerS - a.rate.bytesPerS || a.id - b.id
}
