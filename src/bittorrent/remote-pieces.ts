/**
 * What a peer says it has, kept also while the number of pieces is still unknown (magnets).
 *
 * Source: BEP 3 `bitfield`, `have`; BEP 6 `have all`, `have none`.
 *
 * @module
 */
import { DecodeError } from '../base/errors.ts'
import { Bitfield } from '../transfer/bitfield.ts'

/** `have` messages kept before the piece count is known; later ones are forgotten (our limit). */
const EARLY_HAVES_MAX = 100_000

export class RemotePieces {
  #bits: Bitfield | undefined
  #early: Uint8Array | 'all' | 'none' = 'none'
  #earlyHaves: number[] = []
  #first = true

  /** Pieces the peer has; undefined until `start`. */
  get bits(): Bitfield | undefined {
    return this.#bits
  }

  get isSeed(): boolean {
    return this.#bits === undefined ? this.#early === 'all' : this.#bits.isFull
  }

  /** Bitfield, have all or have none: allowed once, before any `have`. Copies. @throws {DecodeError} */
  set(pieces: Uint8Array | 'all' | 'none'): void {
    if (!this.#first)
      throw new DecodeError('BITFIELD_TWICE', 'a bitfield is only allowed as the first message')
    this.#first = false
    if (this.#bits === undefined) this.#early = pieces instanceof Uint8Array ? pieces.slice() : pieces
    else this.#bits = fieldOf(pieces, this.#bits.length)
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
