/**
 * Follows the pieces under way: judges finished ones, names liars, ends silent sources, wakes those with room.
 *
 * What it calls on a source may call back into the port at once, so its own state is always settled first.
 *
 * @module
 */
import { BLOCK_BYTES } from '../content/layout.ts'
import { type CommitOutcome, TIMEOUT_FLOOR_MS, type TransferCore, type TransferState } from './core.ts'
import { ARRIVING, FILLING, HELD, JUDGING, NOBODY } from './slots.ts'
import type { CloseReason } from './source.ts'
import type { SourceState } from './source-state.ts'

/** A source that was silent this often in a row is closed. */
export const SILENCES_MAX = 3
/** After so many refusals without a block, a source is asked for nothing for a while, or they would go on for ever. */
export const REFUSALS_MAX = 8
export const REFUSAL_BACKOFF_MS = 1_000

type SentRun = {
  readonly state: SourceState
  readonly from: number
  readonly to: number
  readonly bytes: number
}

export class Supervisor {
  readonly #core: TransferCore
  #tickedAtMs: number

  constructor(core: TransferCore) {
    this.#core = core
    this.#tickedAtMs = core.settings.nowMs
  }

  setState(state: TransferState, message: string): void {
    if (this.#core.state === state) return
    this.#core.state = state
    this.#core.message = message
    this.#core.parts.changed?.({ type: 'state', state, message })
  }

  /** Hands a full slot out to be hashed and written. */
  commit(slot: number): void {
    const { slots, trials, parts } = this.#core
    const piece = slots.piece[slot]!
    slots.stage[slot] = JUDGING
    parts.commit({
      slot,
      piece,
      blockDigests: trials.isOnParole(piece) || new Set(this.#senders(slot)).size > 1,
    })
  }

  judge(slot: number, outcome: CommitOutcome): void {
    if (outcome.kind === 'failed') {
      this.#core.slots.stage[slot] = HELD
      this.setState('paused', outcome.message)
      return
    }
    if (outcome.kind === 'verified') this.#verified(slot, outcome.blockDigests)
    else this.#bad(slot, outcome.blockDigests)
    this.wake()
  }

  #verified(slot: number, digests: Uint8Array | undefined): void {
    const { map, slots, roster, trials } = this.#core
    const piece = slots.piece[slot]!
    const runs = this.#runs(slot)
    this.#core.verifiedBytes += slots.payloadBytes(slot, 0, slots.blockCount[slot]!)
    slots.close(slot)
    map.verify(piece)
    const liars = trials.close(piece, digests)
    const attached = roster.attached
    for (const state of attached) if (state.bits.has(piece)) state.useful--
    for (const { state, bytes } of runs) state.verifiedBytes += bytes
    for (const { state, from, to, bytes } of runs) {
      state.source.verified(piece, from * BLOCK_BYTES, this.#lengthOf(piece, from, to), bytes)
    }
    for (const state of attached) if (state.attached) state.source.pieceVerified(piece)
    this.#core.parts.changed?.({ type: 'piece-verified', piece })
    for (const id of liars) this.#ban(id, piece)
    if (map.missing === 0 && this.#core.state !== 'failed') {
      this.setState('complete', '')
      this.closeAll({ code: 'complete' })
    }
  }

  #bad(slot: number, digests: Uint8Array | undefined): void {
    const { map, slots, roster, trials, parts } = this.#core
    const piece = slots.piece[slot]!
    const runs = this.#runs(slot)
    const senders = this.#senders(slot)
    const names = new Set(senders)
    slots.close(slot)
    map.add(piece)
    for (const id of names) {
      const state = roster.get(id)
      if (state !== undefined) state.badPieces++
    }
    for (const { state, bytes } of runs) state.wastedBytes += bytes
    for (const { state, from, to } of runs) {
      state.source.wasted(piece, from * BLOCK_BYTES, this.#lengthOf(piece, from, to), 'bad-data')
    }
    const labels = [...names].map((id) => roster.get(id)?.source.label ?? `source ${id}`)
    parts.changed?.({ type: 'piece-bad', piece, senders: labels })
    if (names.size > 1) trials.open(piece, senders, digests)
    else this.#ban(senders[0]!, piece)
  }

  /** By block: who sent it. */
  #senders(slot: number): Int32Array {
    const { slots } = this.#core
    const senders = new Int32Array(slots.blockCount[slot]!)
    slots.eachRun(slot, (sender, from, to) => senders.fill(sender, from, to))
    return senders
  }

  /** Received runs, of sources that are still remembered. */
  #runs(slot: number): SentRun[] {
    const { slots, roster } = this.#core
    const runs: SentRun[] = []
    slots.eachRun(slot, (sender, from, to) => {
      const state = roster.get(sender)
      if (state !== undefined) runs.push({ state, from, to, bytes: slots.payloadBytes(slot, from, to) })
    })
    return runs
  }

  #lengthOf(piece: number, from: number, to: number): number {
    return Math.min(to * BLOCK_BYTES, this.#core.settings.layout.pieceBytes(piece)) - from * BLOCK_BYTES
  }

  #ban(id: number, piece: number): void {
    const state = this.#core.roster.get(id)
    if (state === undefined) return
    this.#core.parts.changed?.({ type: 'source-lied', id, label: state.source.label, piece })
    this.close(state, { code: 'bad-data', piece })
  }

  /** Ends a source from our side. */
  close(state: SourceState, reason: CloseReason): void {
    if (!state.attached) return
    this.detach(state)
    this.#core.parts.changed?.({ type: 'source-closed', id: state.id, label: state.source.label, reason })
    state.source.close(reason)
  }

  closeAll(reason: CloseReason): void {
    for (const state of this.#core.roster.attached) this.close(state, reason)
  }

  detach(state: SourceState): void {
    if (!state.attached) return
    const { map, roster, parts } = this.#core
    state.attached = false
    state.ready = false
    this.releaseAll(state)
    if (!state.isSeed)
      for (let piece = 0; piece < map.have.length; piece++) if (state.bits.has(piece)) map.decrease(piece)
    roster.depart(state)
    parts.changed?.({ type: 'source-detached', id: state.id, label: state.source.label })
  }

  /** Others may have what this source was asked for and the pieces it was filling. */
  releaseAll(state: SourceState): void {
    const { slots } = this.#core
    while (state.head !== -1) slots.drop(state.head, state)
    this.disown(state)
  }

  /** Others may take over the pieces it was filling. */
  disown(state: SourceState): void {
    const { slots } = this.#core
    state.slot = -1
    for (let slot = 0; slot < slots.count; slot++) {
      if (slots.stage[slot] === FILLING && slots.owner[slot] === state.id) this.#orphan(slot, state)
    }
  }

  #orphan(slot: number, state: SourceState): void {
    const { map, slots } = this.#core
    if (slots.alone[slot] === 0) slots.owner[slot] = NOBODY
    const outstanding = slots.pending[slot]! - slots.unrequested[slot]!
    const received = slots.blockCount[slot]! - slots.pending[slot]!
    // A piece on parole starts again with another sender; its requests must be gone first, or it would stay mixed.
    if (outstanding > 0 || (received > 0 && slots.alone[slot] === 0)) return
    const runs = this.#runs(slot)
    const piece = slots.piece[slot]!
    slots.close(slot)
    map.add(piece)
    for (const { bytes } of runs) state.wastedBytes += bytes
    for (const { from, to } of runs) {
      state.source.wasted(piece, from * BLOCK_BYTES, this.#lengthOf(piece, from, to), 'duplicate')
    }
  }

  /** Tells sources with room that there may be work, best first. */
  wake(): void {
    const { picker, roster } = this.#core
    if (this.#core.state !== 'running') return
    for (const state of roster.attached) {
      if (!picker.hasWork) return
      this.wakeOne(state)
    }
  }

  wakeOne(state: SourceState): void {
    const waits = state.ready && state.hungrySinceMs !== -1 && state.useful > 0
    if (waits && this.#core.picker.nowMs >= state.backoffUntilMs) state.source.wake()
  }

  tick(nowMs: number): void {
    const { picker, roster, slots } = this.#core
    const elapsedMs = nowMs - this.#tickedAtMs
    this.#tickedAtMs = nowMs
    picker.nowMs = nowMs
    for (const state of roster.attached) {
      state.rate.tick(elapsedMs)
      if (state.requests > 0) this.#checkSilence(state, nowMs)
    }
    for (let slot = 0; slot < slots.count; slot++) {
      if (slots.stage[slot] !== FILLING) continue
      const owner = roster.get(slots.owner[slot]!)
      if (owner !== undefined && !this.#isAtWork(owner)) this.#orphan(slot, owner)
    }
    roster.rank()
    this.wake()
  }

  /** Whoever asks for nothing any more (too dear now, out of room for long) must not keep a piece to itself. */
  #isAtWork(state: SourceState): boolean {
    const idleMs = this.#core.picker.nowMs - state.lastProgressMs
    return state.ready && (state.requests > 0 || idleMs <= this.#timeoutFloorMs)
  }

  get #timeoutFloorMs(): number {
    return this.#core.settings.timeoutFloorMs ?? TIMEOUT_FLOOR_MS
  }

  #checkSilence(state: SourceState, nowMs: number): void {
    const { slots } = this.#core
    const timeoutMs = state.timeoutMs(this.#timeoutFloorMs)
    const oldestAtMs = slots.atMs[state.head]!
    if (nowMs - Math.max(state.lastProgressMs, oldestAtMs) > timeoutMs) {
      this.#silent(state, nowMs, timeoutMs)
      return
    }
    // It answers, but never this one: requests before it in the queue explain twice their time and no more.
    const queueMs = (state.requests * BLOCK_BYTES * 1000) / Math.max(state.rate.bytesPerS, BLOCK_BYTES)
    if (slots.state[state.head >>> 1] === ARRIVING || nowMs - oldestAtMs <= 2 * (timeoutMs + queueMs)) return
    this.#cancel(state.head, state)
  }

  #silent(state: SourceState, nowMs: number, timeoutMs: number): void {
    // A block that has begun to arrive might go on arriving, into a slot that by then holds another piece: such a
    // source cannot be left attached.
    if (++state.silences >= SILENCES_MAX || this.#isArriving(state)) {
      this.close(state, { code: 'too-slow' })
      return
    }
    state.backoffUntilMs = nowMs + timeoutMs
    this.#cancelAll(state)
    this.disown(state)
  }

  #isArriving(state: SourceState): boolean {
    const { slots } = this.#core
    return slots.requestsOf(state).some((request) => slots.state[request >>> 1] === ARRIVING)
  }

  #cancelAll(state: SourceState): void {
    for (const request of this.#core.slots.requestsOf(state)) this.#cancel(request, state)
  }

  #cancel(request: number, state: SourceState): void {
    const { slots } = this.#core
    const index = request >>> 1
    // Calling out may have changed the list that the caller walks.
    if (slots.requestOf(index, state.id) !== request) return
    const piece = slots.piece[slots.slotAt(index)]!
    const begin = slots.beginAt(index)
    const length = slots.lengthAt(index)
    slots.drop(request, state)
    state.source.cancel(piece, begin, length)
  }

  /** `index` is arriving from one source: whoever else was asked for it is let off. */
  cancelOthers(index: number, arriving: number): void {
    const { slots, roster } = this.#core
    for (const request of [2 * index, 2 * index + 1]) {
      const other = slots.sender[request]!
      const state = other === NOBODY || other === arriving ? undefined : roster.get(other)
      if (state !== undefined) this.#cancel(request, state)
    }
  }
}
