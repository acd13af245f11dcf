/**
 * What the parts of a transfer share: its settings, its effects and its state.
 *
 * @module
 */
import type { Random } from '../base/world.ts'
import type { Layout } from '../content/layout.ts'
import { Bitfield } from './bitfield.ts'
import { Picker } from './picker.ts'
import { PieceMap } from './piece-map.ts'
import { Roster } from './roster.ts'
import { Slots, slotCount } from './slots.ts'
import type { CloseReason } from './source.ts'
import { Trials } from './trials.ts'

export type TransferSettings = {
  readonly layout: Layout
  /** Pieces to fetch; all when absent. */
  readonly wanted?: Bitfield
  /** Pieces that are verified already. Kept and grown in place: the reader's `have`. */
  readonly have?: Bitfield
  /** Whether a piece's hash is known; others wait for `makeVerifiable`. All when absent. */
  readonly isVerifiable?: (piece: number) => boolean
  /** Memory for pieces under way; default 64 MiB, never less than two pieces. */
  readonly arenaBytesMax?: number
  /** Dearer sources are asked for nothing; no limit when absent. */
  readonly maxPriceWeiPerMib?: bigint
  /** A source that owes blocks is silent after at least this; default 8 s. */
  readonly timeoutFloorMs?: number
  /** The clock that `tick` continues. */
  readonly nowMs: number
}

/** A full slot: hash it and, if right, write it. `blockDigests`: return the digests of its blocks too (see Trials). */
export type CommitOrder = { readonly slot: number; readonly piece: number; readonly blockDigests: boolean }
export type CommitOutcome =
  | { readonly kind: 'verified'; readonly blockDigests?: Uint8Array }
  | { readonly kind: 'bad'; readonly blockDigests?: Uint8Array }
  /** Right, but could not be written: the transfer pauses with this message and keeps the piece. */
  | { readonly kind: 'failed'; readonly message: string }

export type TransferEvent =
  | { readonly type: 'piece-verified'; readonly piece: number }
  | { readonly type: 'piece-bad'; readonly piece: number; readonly senders: readonly string[] }
  /** Named as the sender of bad bytes; also when it has left since. */
  | { readonly type: 'source-lied'; readonly id: number; readonly label: string; readonly piece: number }
  | { readonly type: 'source-attached' | 'source-detached'; readonly id: number; readonly label: string }
  | {
      readonly type: 'source-closed'
      readonly id: number
      readonly label: string
      readonly reason: CloseReason
    }
  | { readonly type: 'state'; readonly state: TransferState; readonly message: string }

export type TransferParts = {
  readonly random: Pick<Random, 'fraction'>
  /** Makes the arena; over a SharedArrayBuffer where workers hash it. */
  readonly createArena: (bytes: number) => Uint8Array
  readonly commit: (order: CommitOrder) => void
  readonly changed?: (event: TransferEvent) => void
}

export type TransferState = 'running' | 'paused' | 'complete' | 'failed'

export const ARENA_BYTES_MAX = 64 * 1024 * 1024
export const TIMEOUT_FLOOR_MS = 8_000

/** The state that the parts of a transfer share. */
export type TransferCore = {
  readonly settings: TransferSettings
  readonly parts: TransferParts
  readonly map: PieceMap
  readonly slots: Slots
  readonly arena: Uint8Array
  readonly roster: Roster
  readonly trials: Trials
  readonly picker: Picker
  state: TransferState
  message: string
  /** Payload of wanted pieces verified so far. */
  verifiedBytes: number
}

export function createCore(settings: TransferSettings, parts: TransferParts): TransferCore {
  const { layout } = settings
  const { pieceCount, pieceLength } = layout
  const wanted = settings.wanted ?? Bitfield.full(pieceCount)
  const map = new PieceMap(pieceCount, wanted, settings.have ?? new Bitfield(pieceCount))
  const slots = new Slots(
    layout,
    slotCount(settings.arenaBytesMax ?? ARENA_BYTES_MAX, pieceLength, map.missing),
  )
  const roster = new Roster()
  const trials = new Trials()
  const picker = new Picker({
    map,
    slots,
    fraction: () => parts.random.fraction(),
    sources: () => roster.attached,
    isOnParole: (piece) => trials.isOnParole(piece),
  })
  picker.nowMs = settings.nowMs
  const arena = parts.createArena(map.missing === 0 ? 0 : slots.count * pieceLength)
  const state = map.missing === 0 ? 'complete' : 'running'
  return { settings, parts, map, slots, arena, roster, trials, picker, state, message: '', verifiedBytes: 0 }
}

/** Missing pieces become candidates in a random order, so that equally rare ones are not all begun from the front. */
export function addCandidates({ map, settings, parts }: TransferCore): void {
  const pieces: number[] = []
  for (let piece = 0; piece < settings.layout.pieceCount; piece++) {
    if (map.isMissing(piece) && (settings.isVerifiable?.(piece) ?? true)) pieces.push(piece)
  }
  for (let i = pieces.length - 1; i > 0; i--) {
    const j = Math.floor(parts.random.fraction() * (i + 1))
    const piece = pieces[i]!
    pieces[i] = pieces[j]!
    pieces[j] = piece
  }
  for (const piece of pieces) map.add(piece)
}
