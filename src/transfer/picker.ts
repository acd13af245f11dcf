/**
 * Which blocks a source is asked for next (design section 4).
 *
 * In this order: the piece it is filling; a piece whose sender is gone; the rarest new piece; where slots are short or
 * no new pieces are left, a piece that another source is filling; in endgame, blocks that another source has owed for
 * a while. A piece comes from one sender where it can.
 *
 * Price rule: a dearer (or clearly worse) source is refused a piece that a better one has and is waiting for, that is:
 * the better one asked, was answered short, has less than 2 s of requests outstanding and took work within 2 s. So a
 * dearer source works only where the cheaper ones are full: speed does not suffer, and one that only claims to wait
 * holds nobody up for longer than 2 s.
 *
 * @module
 */
import { BLOCK_BYTES } from '../content/layout.ts'
import type { PieceMap } from './piece-map.ts'
import { FILLING, FREE, NOBODY, REQUESTED, type Slots } from './slots.ts'
import type { SourceState } from './source-state.ts'

/** Endgame: a block must have been owed this long before a second source is asked, and at most this many at once. */
export const ENDGAME_AFTER_MS = 1_000
export const ENDGAME_BLOCKS_MAX = 32

export type PickerParts = {
  readonly map: PieceMap
  readonly slots: Slots
  /** In [0, 1). */
  readonly fraction: () => number
  /** Attached sources. */
  readonly sources: () => Iterable<SourceState>
  /** Pieces that failed with several senders: one sender only. */
  readonly isOnParole: (piece: number) => boolean
}

export class Picker {
  nowMs = 0
  readonly #parts: PickerParts
  /** Better sources that wait, for the pick under way. */
  readonly #preferred: SourceState[] = []
  readonly #refuses = (piece: number): boolean => this.#isReserved(piece)

  constructor(parts: PickerParts) {
    this.#parts = parts
  }

  /** No block is left that nobody was asked for. */
  get isEndgame(): boolean {
    return this.#parts.map.candidates === 0 && this.#parts.slots.freeBlocks === 0
  }

  /** Whether any source might be given a block. */
  get hasWork(): boolean {
    const { map, slots } = this.#parts
    return slots.freeBlocks > 0 || (map.candidates > 0 ? slots.emptyCount > 0 : map.missing > 0)
  }

  /** See SourcePort.pick. */
  pick(source: SourceState, out: Int32Array, blocksMax: number): number {
    const max = Math.min(blocksMax, Math.floor(out.length / 3))
    let count = source.slot === -1 ? 0 : this.#take(source, source.slot, out, 0, max)
    if (count < max) this.#findPreferred(source)
    while (count < max) {
      const slot = this.#nextSlot(source)
      if (slot === -1) break
      source.slot = slot
      count = this.#take(source, slot, out, count, max)
    }
    if (count < max && this.isEndgame) count = this.#duplicate(source, out, count, max)
    return count
  }

  /** Reserves FREE blocks of a slot in ascending order, if the source may fill it. */
  #take(source: SourceState, slot: number, out: Int32Array, count: number, max: number): number {
    const { slots } = this.#parts
    if (slots.stage[slot] !== FILLING || slots.unrequested[slot] === 0) return count
    const owner = slots.owner[slot]!
    const isOwner = owner === source.id || owner === NOBODY
    if (!source.bits.has(slots.piece[slot]!) || !(isOwner || this.#mayJoin(slot))) return count
    if (isOwner) slots.owner[slot] = source.id
    const first = slot * slots.blocksPerSlot
    for (let block = 0; block < slots.blockCount[slot]! && count < max; block++) {
      if (slots.state[first + block] !== FREE) continue
      slots.request(first + block, source, this.nowMs)
      this.#write(out, count++, slot, block)
      if (slots.unrequested[slot] === 0) break
    }
    return count
  }

  #nextSlot(source: SourceState): number {
    const { map, slots, fraction, isOnParole } = this.#parts
    const partial = this.#partialSlot(source, false)
    if (partial !== -1) return partial
    if (slots.emptyCount > 0 && map.candidates > 0) {
      const piece = map.rarest(source.bits, fraction(), this.#refuses)
      if (piece !== -1) {
        map.remove(piece)
        return slots.open(piece, isOnParole(piece))
      }
    }
    return this.#partialSlot(source, true)
  }

  /** A filling slot with FREE blocks that this source may take: its own or an orphan's first. */
  #partialSlot(source: SourceState, joining: boolean): number {
    const { slots } = this.#parts
    if (slots.freeBlocks === 0) return -1
    let orphan = -1
    for (let slot = 0; slot < slots.count; slot++) {
      if (slots.stage[slot] !== FILLING || slots.unrequested[slot] === 0) continue
      const piece = slots.piece[slot]!
      if (!source.bits.has(piece)) continue
      if (slots.owner[slot] === source.id) return slot
      const open = joining ? this.#mayJoin(slot) : slots.owner[slot] === NOBODY
      if (open && orphan === -1 && !this.#isReserved(piece)) orphan = slot
    }
    return orphan
  }

  /** Senders are mixed only where slots are short, or no new piece is left to give out. */
  #mayJoin(slot: number): boolean {
    const { map, slots } = this.#parts
    return slots.alone[slot] === 0 && (slots.emptyCount === 0 || map.candidates === 0)
  }

  #findPreferred(source: SourceState): void {
    this.#preferred.length = 0
    for (const other of this.#parts.sources()) {
      if (other !== source && other.isPreferredTo(source) && other.isHungry(this.nowMs))
        this.#preferred.push(other)
    }
  }

  #isReserved(piece: number): boolean {
    for (const other of this.#preferred) if (other.bits.has(piece)) return true
    return false
  }

  /** Endgame: a second request for blocks that have been owed for a while and are not arriving. */
  #duplicate(source: SourceState, out: Int32Array, count: number, max: number): number {
    const { slots } = this.#parts
    const end = Math.min(max, count + Math.max(0, ENDGAME_BLOCKS_MAX - source.requests))
    for (let slot = 0; slot < slots.count && count < end; slot++) {
      if (slots.stage[slot] !== FILLING || slots.alone[slot] === 1) continue
      if (!source.bits.has(slots.piece[slot]!)) continue
      const first = slot * slots.blocksPerSlot
      for (let block = 0; block < slots.blockCount[slot]! && count < end; block++) {
        if (!this.#mayDuplicate(first + block, source)) continue
        slots.request(first + block, source, this.nowMs)
        this.#write(out, count++, slot, block)
      }
    }
    return count
  }

  #mayDuplicate(index: number, source: SourceState): boolean {
    const { slots } = this.#parts
    if (slots.state[index] !== REQUESTED) return false
    const first = slots.sender[2 * index]!
    const second = slots.sender[2 * index + 1]!
    if (first === source.id || second === source.id || (first !== NOBODY && second !== NOBODY)) return false
    const request = first === NOBODY ? 2 * index + 1 : 2 * index
    return this.nowMs - slots.atMs[request]! >= ENDGAME_AFTER_MS
  }

  #write(out: Int32Array, at: number, slot: number, block: number): void {
    const { slots } = this.#parts
    out[3 * at] = slots.piece[slot]!
    out[3 * at + 1] = block * BLOCK_BYTES
    out[3 * at + 2] = slots.blockBytes(slot, block)
  }
}
