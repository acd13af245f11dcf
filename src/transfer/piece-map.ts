/**
 * Which pieces are wanted, verified, and how rare: candidates in one array, sorted by availability.
 *
 * Source: BEP 3 ("rarest first"). The array is split into buckets of equal availability; a piece moves one bucket up
 * or down by one swap with the bucket's edge, so that a `have` costs O(1). Sources with every piece are only counted.
 *
 *   order  [ availability 0 | 1 | 2 ... ]    starts[a] is where bucket a begins
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import type { Bitfield } from './bitfield.ts'

/** Candidates are pieces that are wanted, not verified, verifiable (their hash is known) and in no slot. */
export class PieceMap {
  readonly have: Bitfield
  readonly wanted: Bitfield
  /** Pieces wanted and not verified. */
  #missing = 0
  #size = 0
  readonly #order: Int32Array
  /** Where a piece is in `order`, or -1 when it is no candidate. */
  readonly #position: Int32Array
  readonly #availability: Uint32Array
  readonly #starts: number[] = [0]

  constructor(pieceCount: number, wanted: Bitfield, have: Bitfield) {
    assert(wanted.length === pieceCount && have.length === pieceCount, 'bitfields fit the share')
    this.wanted = wanted
    this.have = have
    this.#order = new Int32Array(pieceCount)
    this.#position = new Int32Array(pieceCount).fill(-1)
    this.#availability = new Uint32Array(pieceCount)
    for (let piece = 0; piece < pieceCount; piece++) if (this.isMissing(piece)) this.#missing++
  }

  get missing(): number {
    return this.#missing
  }

  get candidates(): number {
    return this.#size
  }

  isMissing(piece: number): boolean {
    return this.wanted.has(piece) && !this.have.has(piece)
  }

  isCandidate(piece: number): boolean {
    return this.#position[piece] !== -1
  }

  /** Makes a missing piece a candidate. No-op when it is one. */
  add(piece: number): void {
    assert(this.isMissing(piece), 'only missing pieces are candidates')
    if (this.isCandidate(piece)) return
    const availability = this.#availability[piece]!
    this.#reach(availability)
    // A hole is made at the end and walks down: each bucket above gives its first piece to its own end.
    let hole = this.#size++
    for (let bucket = this.#starts.length - 1; bucket > availability; bucket--) {
      const first = this.#starts[bucket]!
      if (first !== hole) this.#put(hole, this.#order[first]!)
      this.#starts[bucket] = first + 1
      hole = first
    }
    this.#put(hole, piece)
  }

  /** The piece went into a slot, or is verified. No-op when it is no candidate. */
  remove(piece: number): void {
    let hole = this.#position[piece]!
    if (hole === -1) return
    this.#position[piece] = -1
    for (let bucket = this.#availability[piece]!; bucket < this.#starts.length; bucket++) {
      const last = this.#end(bucket) - 1
      if (hole !== last) this.#put(hole, this.#order[last]!)
      if (bucket + 1 < this.#starts.length) this.#starts[bucket + 1] = last
      hole = last
    }
    this.#size--
  }

  /** A verified piece: never asked for again. */
  verify(piece: number): void {
    assert(this.isMissing(piece), 'a piece is verified once')
    this.remove(piece)
    this.have.set(piece)
    this.#missing--
  }

  /** One more source (that has not everything) has this piece. */
  increase(piece: number): void {
    const bucket = this.#availability[piece]!
    this.#availability[piece] = bucket + 1
    const at = this.#position[piece]!
    if (at === -1) return
    this.#reach(bucket + 1)
    const edge = this.#starts[bucket + 1]! - 1
    this.#swap(at, edge)
    this.#starts[bucket + 1] = edge
  }

  decrease(piece: number): void {
    const bucket = this.#availability[piece]!
    assert(bucket > 0, 'availability is not negative')
    this.#availability[piece] = bucket - 1
    const at = this.#position[piece]!
    if (at === -1) return
    const edge = this.#starts[bucket]!
    this.#swap(at, edge)
    this.#starts[bucket] = edge + 1
  }

  /** The rarest candidate in `bits` that `refuses` lets through, or -1. Equals are told apart by `fraction` in [0, 1). */
  rarest(bits: Bitfield, fraction: number, refuses: (piece: number) => boolean): number {
    for (let bucket = 0; bucket < this.#starts.length; bucket++) {
      const start = this.#starts[bucket]!
      const count = this.#end(bucket) - start
      const offset = Math.floor(fraction * count)
      for (let i = 0; i < count; i++) {
        const at = offset + i
        const piece = this.#order[start + (at < count ? at : at - count)]!
        if (bits.has(piece) && !refuses(piece)) return piece
      }
    }
    return -1
  }

  #end(bucket: number): number {
    return bucket + 1 < this.#starts.length ? this.#starts[bucket + 1]! : this.#size
  }

  #reach(bucket: number): void {
    while (this.#starts.length <= bucket) this.#starts.push(this.#size)
  }

  #put(at: number, piece: number): void {
    this.#order[at] = piece
    this.#position[piece] = at
  }

  #swap(a: number, b: number): void {
    const piece = this.#order[a]!
    this.#put(a, this.#order[b]!)
    this.#put(b, piece)
  }
}
