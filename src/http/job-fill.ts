/**
 * Puts the bytes of a job's responses where its transfer wants them, block by block.
 *
 * Pad bytes are written here and fetched from nobody (BEP 47). A block that the transfer no longer wants is
 * dropped when its bytes come; blocks that are whole stay received when the connection breaks behind them.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import type { Layout } from '../content/layout.ts'
import type { SourcePort } from '../transfer/source.ts'
import type { Block, Job } from './fetch-plan.ts'

type Slot = Block & {
  readonly space: number
  readonly payload: number
  arrived: number
  state: 'open' | 'received' | 'dropped'
}

export type JobFillParts = {
  readonly layout: Layout
  readonly port: SourcePort
  /** Called just before the port hears of a whole block. */
  readonly onReceived: (block: Block) => void
  /** Payload that came for nothing. */
  readonly onDropped: (bytes: number) => void
}

export class JobFill {
  readonly #parts: JobFillParts
  readonly #slots: readonly Slot[]
  #at = 0

  constructor(job: Job, parts: JobFillParts) {
    this.#parts = parts
    const { layout } = parts
    this.#slots = job.blocks.map((block) => ({
      ...block,
      space: block.piece * layout.pieceLength + block.begin,
      payload: layout.payloadBytesIn(block.piece, block.begin, block.length),
      arrived: 0,
      state: 'open',
    }))
    for (const slot of this.#slots) if (slot.payload === 0) this.#finish(slot)
  }

  /** Whether any byte is still worth fetching. */
  get wanted(): boolean {
    return this.#slots.some(({ state }) => state === 'open')
  }

  /** Bytes of files, from `space` on in piece space; calls come in ascending order. */
  write(space: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const slot = this.#slotAt(space + done)
      const offset = space + done - slot.space
      const part = bytes.subarray(done, done + slot.length - offset)
      done += part.length
      this.#put(slot, offset, part)
      if (slot.arrived === slot.payload && slot.state === 'open') this.#finish(slot)
    }
  }

  /** The transfer took this block back. */
  cancel(piece: number, begin: number): void {
    const slot = this.#slots.find((candidate) => candidate.piece === piece && candidate.begin === begin)
    if (slot?.state === 'open') this.#drop(slot)
  }

  /** Nothing more will come: what is not whole goes back to the transfer. */
  release(): void {
    for (const slot of this.#slots) {
      if (slot.state !== 'open') continue
      this.#drop(slot)
      this.#parts.port.release(slot.piece, slot.begin, slot.length)
    }
  }

  #put(slot: Slot, offset: number, part: Uint8Array): void {
    const { port, onDropped } = this.#parts
    if (slot.state === 'dropped') {
      onDropped(part.length)
      return
    }
    slot.arrived += part.length
    const at = port.place(slot.piece, slot.begin, slot.length)
    if (at < 0) this.#drop(slot)
    else port.arena.set(part, at + offset)
  }

  #drop(slot: Slot): void {
    slot.state = 'dropped'
    if (slot.arrived > 0) this.#parts.onDropped(slot.arrived)
  }

  #finish(slot: Slot): void {
    const { layout, port, onReceived } = this.#parts
    const { piece, begin, length } = slot
    const at = port.place(piece, begin, length)
    if (at < 0) {
      this.#drop(slot)
      return
    }
    let filled = 0
    for (const span of layout.spans(piece, begin, length)) {
      port.arena.fill(0, at + filled, at + span.at)
      filled = span.at + span.length
    }
    port.arena.fill(0, at + filled, at + length)
    slot.state = 'received'
    onReceived(slot)
    port.received(piece, begin, length)
  }

  #slotAt(space: number): Slot {
    while (this.#at < this.#slots.length) {
      const slot = this.#slots[this.#at]!
      if (space < slot.space + slot.length) break
      this.#at++
    }
    const slot = this.#slots[this.#at]
    assert(slot !== undefined && space >= slot.space, 'bytes lie in a block of the job')
    return slot
  }
}
