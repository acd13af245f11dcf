/**
 * One download: a piece map, a picker and many sources (design section 4). Pure: finished pieces go out through
 * `commit`, to be hashed and written; what became of them comes back through `committed`; time through `tick`.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import type { Bitfield } from './bitfield.ts'
import {
  addCandidates,
  type CommitOutcome,
  createCore,
  type TransferCore,
  type TransferParts,
  type TransferSettings,
  type TransferState,
} from './core.ts'
import { createPort } from './port.ts'
import { FILLING, HELD, JUDGING } from './slots.ts'
import type { Source, SourcePort, SourceStats, SourceTerms } from './source.ts'
import { SourceState } from './source-state.ts'
import { Supervisor } from './supervisor.ts'

/** A plain snapshot. Bytes are payload; `wanted` counts what the selection asks for. */
export type TransferStatus = {
  readonly state: TransferState
  /** Why it is paused or failed; else empty. */
  readonly message: string
  readonly wantedBytes: number
  readonly verifiedBytes: number
  readonly piecesWanted: number
  readonly piecesVerified: number
  readonly piecesUnderWay: number
  readonly receivedBytes: number
  readonly wastedBytes: number
  readonly bytesPerS: number
  readonly sources: readonly SourceStats[]
}

export type Transfer = {
  readonly have: Bitfield
  readonly arena: Uint8Array
  attach(source: Source, terms: SourceTerms): SourcePort
  /** What became of a CommitOrder. */
  committed(slot: number, outcome: CommitOutcome): void
  /** Call a few times a second with a clock that only grows: timeouts, speeds, endgame. */
  tick(nowMs: number): void
  pause(message: string): void
  /** Tries again after `pause` or a failed write. */
  resume(): void
  /** Ends it for good: nothing is asked for any more. */
  fail(message: string): void
  /** The hash of this piece has become known. */
  makeVerifiable(piece: number): void
  /** Closes every source. */
  stop(): void
  status(): TransferStatus
}

/** Payload of the wanted pieces that are in `bits`. */
function payloadOf({ map, settings: { layout } }: TransferCore, bits: Bitfield): number {
  if (bits.isFull && map.wanted.isFull) return layout.payloadBytes
  let sum = 0
  for (let piece = 0; piece < layout.pieceCount && bits.count > 0; piece++) {
    if (!bits.has(piece) || !map.wanted.has(piece)) continue
    sum += layout.payloadBytesIn(piece, 0, layout.pieceBytes(piece))
  }
  return sum
}

export function createTransfer(settings: TransferSettings, parts: TransferParts): Transfer {
  const core = createCore(settings, parts)
  const { map, slots, roster, picker } = core
  addCandidates(core)
  const wantedBytes = payloadOf(core, map.wanted)
  core.verifiedBytes = payloadOf(core, map.have)
  const supervisor = new Supervisor(core)
  const total = { receivedBytes: 0, wastedBytes: 0 }
  let nextId = 0

  return {
    have: map.have,
    arena: core.arena,
    attach(source, terms) {
      const about = { pieceCount: settings.layout.pieceCount, nowMs: picker.nowMs }
      const state = new SourceState(nextId++, source, terms, about)
      roster.add(state)
      parts.changed?.({ type: 'source-attached', id: state.id, label: source.label })
      return createPort(core, supervisor, state)
    },
    committed(slot, outcome) {
      assert(slots.stage[slot] === JUDGING, 'the slot was out to be judged')
      supervisor.judge(slot, outcome)
    },
    tick: (nowMs) => supervisor.tick(nowMs),
    pause(message) {
      if (core.state === 'running') supervisor.setState('paused', message)
    },
    resume() {
      if (core.state !== 'paused') return
      supervisor.setState('running', '')
      for (let slot = 0; slot < slots.count; slot++) if (slots.stage[slot] === HELD) supervisor.commit(slot)
      supervisor.wake()
    },
    fail(message) {
      supervisor.setState('failed', message)
      supervisor.closeAll({ code: 'stopped' })
    },
    makeVerifiable(piece) {
      if (!map.isMissing(piece) || slots.slotOf(piece) !== -1) return
      map.add(piece)
      supervisor.wake()
    },
    stop: () => supervisor.closeAll({ code: 'stopped' }),
    status() {
      const sources = roster.stats()
      total.receivedBytes = total.wastedBytes = 0
      for (const one of sources) {
        total.receivedBytes += one.receivedBytes
        total.wastedBytes += one.wastedBytes
      }
      let piecesUnderWay = 0
      for (const stage of slots.stage) if (stage >= FILLING) piecesUnderWay++
      return {
        state: core.state,
        message: core.message,
        wantedBytes,
        verifiedBytes: core.verifiedBytes,
        piecesWanted: map.wanted.count,
        piecesVerified: map.wanted.count - map.missing,
        piecesUnderWay,
        ...total,
        bytesPerS: sources.reduce((sum, one) => sum + one.bytesPerS, 0),
        sources,
      }
    },
  }
}
