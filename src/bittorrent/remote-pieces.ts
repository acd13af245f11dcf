/**
 * What a peer says it has, kept also while the number of pieces is still unknown (magnets).
 *
 * Source: BEP 3 `bitfield`, `have`; BEP 6 `have all`, `have none`.
 *
 * @module
 */
import { DecodeError } from '../base/errors.ts'
import { Bitfield } from '../transfer/bitfield.ts'

/** Each costs a look at every piece; what brings news is bounded by the pieces. */
const BITFIELD_REPEATS_MAX = 64
/** `have` messages kept before the piece count is known; later ones are forgotten (our limit). */
const EARLY_HAVES_MAX = 100_000

export class RemotePieces {
  #bits: Bitfield | undefined
  #early: Uint8Array | 'all' | 'none' = 'none'
  #earlyHaves: number[] = []
  #first = true
  #repeats = 0

  /** Pieces the peer has; undefined until `start`. */
  get bits(): Bitfield | undefined {
    return this.#bits
  }

  get isSeed(): boolean {
    return this.#bits === undefined ? this.#early === 'all' : this.#bits.isFull
  }

  /**
   * Bitfield, have all or have none: the first message. aria2 sends a bitfield again in place of many `have`: taken as
   * that, pieces are added. Copies. @throws {DecodeError}
   */
  set(pieces: Uint8Array | 'all' | 'none'): void {
    if (!this.#first) {
      this.#add(pieces)
      return
    }
    this.#first = false
    if (this.#bits === undefined) this.#early = pieces instanceof Uint8Array ? pieces.slice() : pieces
    else this.#bits = fieldOf(pieces, this.#bits.length)
  }

  #add(pieces: Uint8Array | 'all' | 'none'): void {
    if (!(pieces instanceof Uint8Array) || this.#bits === undefined) {
      throw new DecodeError('BITFIELD_TWICE', 'this is only allowed as the first message')
    }
    let news = false
    const added = Bitfield.decode(pieces, this.#bits.length)
    for (let piece = 0; piece < added.length; piece++)
      news = (added.has(piece) && this.#bits.set(piece)) || news
    if (!news && ++this.#repeats > BITFIELD_REPEATS_MAX) {
      throw new DecodeError('BITFIELD_TWICE', 'bitfields that say nothing new')
    }
  }

  /** Returns whether this is news. @throws {DecodeError<'PIECE_RANGE'>} */
  have(piece: number): boolean {
    this.#first = false
    if (this.#bits === undefined) {
      if (this.#earlyHaves.length < EARLY_HAVES_MAX) this.#earlyHaves.push(piece)
      return false
    }
    if (piece >= this.#bits.length) {
      throw new DecodeError('PIECE_RANGE', `piece ${piece} of ${this.#bits.length} does not exist`)
    }
    return this.#bits.set(piece)
  }

  /** The piece count is known now. @throws {DecodeError} for what the peer said before and cannot be. */
  start(pieceCount: number): Bitfield {
    this.#bits = fieldOf(this.#early, pieceCount)
    for (const piece of this.#earlyHaves) this.have(piece)
    this.#early = 'none'
    this.#earlyHaves = []
    return this.#bits
  }
}

function fieldOf(pieces: Uint8Array | 'all' | 'none', pieceCount: number): Bitfield {
  if (pieces === 'all') return Bitfield.full(pieceCount)
  return pieces === 'none' ? new Bitfield(pieceCount) : Bitfield.decode(pieces, pieceCount)
}
