/**
 * The pieces under way: one slot of the arena each, with the state, requesters and sender of every block.
 *
 * Everything is in typed arrays made once, so that asking for and receiving a block allocates nothing. A block has at
 * most two requesters (the second one in endgame only); a request is the number `2 * (slot * blocksPerSlot + block)`
 * plus 0 or 1, and the requests of one source form a list in the order of asking.
 *
 * Only ONE source may write a block's bytes: the first that places it. Were it otherwise, a liar could change bytes
 * that another was credited for, or change them between the hash and the write.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { BLOCK_BYTES, type Layout } from '../content/layout.ts'

/** Block states. */
export const FREE = 0
export const REQUESTED = 1
export const ARRIVING = 2
export const RECEIVED = 3

/** Slot stages: no piece; filling; out to be hashed and written; waiting for the disk to work again. */
export const EMPTY = 0
export const FILLING = 1
export const JUDGING = 2
export const HELD = 3

export const NOBODY = -1

/** Ends of one source's list of requests; -1 when empty. */
export type RequestList = { readonly id: number; head: number; tail: number; requests: number }

/** How many slots of `pieceLength` a budget buys: at least 2 (one fills while one is written), at most 512. */
export function slotCount(arenaBytesMax: number, pieceLength: number, piecesWanted: number): number {
  const afforded = Math.min(512, Math.max(2, Math.floor(arenaBytesMax / pieceLength)))
  return Math.max(1, Math.min(afforded, piecesWanted))
}

export class Slots {
  readonly count: number
  readonly layout: Layout
  readonly blocksPerSlot: number
  readonly piece: Int32Array
  readonly stage: Uint8Array
  /** The source that is filling the slot, or NOBODY. */
  readonly owner: Int32Array
  readonly blockCount: Int32Array
  /** Blocks that are FREE. */
  readonly unrequested: Int32Array
  /** Blocks that are not RECEIVED. */
  readonly pending: Int32Array
  /** 1: on parole, so that all blocks must come from one sender. */
  readonly alone: Uint8Array
  /** 1: no pad bytes inside, so that payload is length. */
  readonly padless: Uint8Array
  readonly state: Uint8Array
  /** Requesters by request number; of a RECEIVED block, the first is who sent it. */
  readonly sender: Int32Array
  readonly atMs: Float64Array
  /** FREE blocks over all filling slots. */
  freeBlocks = 0
  readonly #next: Int32Array
  readonly #previous: Int32Array
  readonly #pieceBytes: Int32Array
  readonly #slotOf: Int32Array
  readonly #empty: Int32Array
  #emptyCount: number

  constructor(layout: Layout, count: number) {
    this.layout = layout
    this.count = count
    this.blocksPerSlot = Math.ceil(layout.pieceLength / BLOCK_BYTES)
    const blocks = count * this.blocksPerSlot
    this.piece = new Int32Array(count).fill(-1)
    this.stage = new Uint8Array(count)
    this.owner = new Int32Array(count).fill(NOBODY)
    this.blockCount = new Int32Array(count)
    this.unrequested = new Int32Array(count)
    this.pending = new Int32Array(count)
    this.alone = new Uint8Array(count)
    this.padless = new Uint8Array(count)
    this.state = new Uint8Array(blocks)
    this.sender = new Int32Array(2 * blocks).fill(NOBODY)
    this.atMs = new Float64Array(2 * blocks)
    this.#next = new Int32Array(2 * blocks)
    this.#previous = new Int32Array(2 * blocks)
    this.#pieceBytes = new Int32Array(count)
    this.#slotOf = new Int32Array(layout.pieceCount).fill(-1)
    this.#empty = Int32Array.from({ length: count }, (_, i) => count - 1 - i)
    this.#emptyCount = count
  }

  get emptyCount(): number {
    return this.#emptyCount
  }

  /** Takes an empty slot for a piece. */
  open(piece: number, alone: boolean): number {
    assert(this.#emptyCount > 0 && this.#slotOf[piece] === -1, 'an empty slot and a piece in none')
    const slot = this.#empty[--this.#emptyCount]!
    const pieceBytes = this.layout.pieceBytes(piece)
    const blocks = Math.ceil(pieceBytes / BLOCK_BYTES)
    this.#slotOf[piece] = slot
    this.#pieceBytes[slot] = pieceBytes
    this.piece[slot] = piece
    this.stage[slot] = FILLING
    this.alone[slot] = alone ? 1 : 0
    this.padless[slot] = this.layout.payloadBytesIn(piece, 0, pieceBytes) === pieceBytes ? 1 : 0
    this.blockCount[slot] = this.unrequested[slot] = this.pending[slot] = blocks
    this.freeBlocks += blocks
    const first = slot * this.blocksPerSlot
    this.state.fill(FREE, first, first + blocks)
    this.sender.fill(NOBODY, 2 * first, 2 * (first + blocks))
    return slot
  }

  /** Gives the slot back. No request may be left in it. */
  close(slot: number): void {
    this.freeBlocks -= this.unrequested[slot]!
    this.#slotOf[this.piece[slot]!] = -1
    this.piece[slot] = -1
    this.owner[slot] = NOBODY
    this.unrequested[slot] = 0
    this.stage[slot] = EMPTY
    this.#empty[this.#emptyCount++] = slot
  }

  slotOf(piece: number): number {
    return this.#slotOf[piece] ?? -1
  }

  blockBytes(slot: number, block: number): number {
    return Math.min(BLOCK_BYTES, this.#pieceBytes[slot]! - block * BLOCK_BYTES)
  }

  /** Payload in blocks [from, to) of a slot, pad bytes left out. */
  payloadBytes(slot: number, from: number, to: number): number {
    const begin = from * BLOCK_BYTES
    const length = Math.min(to * BLOCK_BYTES, this.#pieceBytes[slot]!) - begin
    return this.padless[slot] ? length : this.layout.payloadBytesIn(this.piece[slot]!, begin, length)
  }

  /** Number of the block in all slots, or -1 when (piece, begin, length) is no block under way. */
  find(piece: number, begin: number, length: number): number {
    const slot = this.slotOf(piece)
    if (slot === -1 || begin < 0 || begin % BLOCK_BYTES !== 0) return -1
    const block = begin / BLOCK_BYTES
    if (block >= this.blockCount[slot]! || this.blockBytes(slot, block) !== length) return -1
    return slot * this.blocksPerSlot + block
  }

  slotAt(index: number): number {
    return Math.floor(index / this.blocksPerSlot)
  }

  beginAt(index: number): number {
    return (index % this.blocksPerSlot) * BLOCK_BYTES
  }

  lengthAt(index: number): number {
    return this.blockBytes(this.slotAt(index), index % this.blocksPerSlot)
  }

  /** The request number that a source has for a block, or -1. */
  requestOf(index: number, source: number): number {
    if (this.state[index] === FREE || this.state[index] === RECEIVED) return -1
    if (this.sender[2 * index] === source) return 2 * index
    return this.sender[2 * index + 1] === source ? 2 * index + 1 : -1
  }

  /** Adds a requester to a FREE block, or a second one to a REQUESTED block. */
  request(index: number, by: RequestList, nowMs: number): void {
    const slot = this.slotAt(index)
    if (this.state[index] === FREE) {
      this.state[index] = REQUESTED
      this.unrequested[slot]!--
      this.freeBlocks--
    }
    const request = this.sender[2 * index] === NOBODY ? 2 * index : 2 * index + 1
    this.sender[request] = by.id
    this.atMs[request] = nowMs
    this.#next[request] = -1
    this.#previous[request] = by.tail
    if (by.tail === -1) by.head = request
    else this.#next[by.tail] = request
    by.tail = request
    by.requests++
  }

  /** Drops a request; a block that nobody is asked for any more is FREE again. */
  drop(request: number, by: RequestList): void {
    this.#unlink(request, by)
    const index = request >>> 1
    this.sender[request] = NOBODY
    if (this.sender[request ^ 1] !== NOBODY) return
    const slot = this.slotAt(index)
    this.state[index] = FREE
    this.unrequested[slot]!++
    this.freeBlocks++
  }

  /** The block's bytes came from this request's source. */
  receive(request: number, by: RequestList): void {
    this.#unlink(request, by)
    const index = request >>> 1
    this.sender[2 * index] = by.id
    this.sender[2 * index + 1] = NOBODY
    this.state[index] = RECEIVED
    this.pending[this.slotAt(index)]!--
  }

  #unlink(request: number, by: RequestList): void {
    const next = this.#next[request]!
    const previous = this.#previous[request]!
    if (previous === -1) by.head = next
    else this.#next[previous] = next
    if (next === -1) by.tail = previous
    else this.#previous[next] = previous
    by.requests--
  }

  /** The requests of one source, oldest first. A new array. */
  requestsOf(by: RequestList): number[] {
    const requests: number[] = []
    for (let request = by.head; request !== -1; request = this.#next[request]!) requests.push(request)
    return requests
  }

  /** Calls back for each run of received blocks from one sender: [from, to) in blocks. */
  eachRun(slot: number, call: (sender: number, from: number, to: number) => void): void {
    const first = slot * this.blocksPerSlot
    for (let from = 0, to = 0; from < this.blockCount[slot]!; from = to) {
      const sender = this.state[first + from] === RECEIVED ? this.sender[2 * (first + from)]! : NOBODY
      to = from + 1
      while (to < this.blockCount[slot]! && this.state[first + to] === RECEIVED) {
        if (this.sender[2 * (first + to)] !== sender) break
        to++
      }
      if (sender !== NOBODY) call(sender, from, to)
    }
  }
}
