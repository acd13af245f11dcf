/**
 * Which blocks one peer was asked for, and which answers may still come for what was given up.
 *
 * @module
 */
import { DecodeError } from '../base/errors.ts'
import { BLOCK_BYTES, type Layout } from '../content/layout.ts'

/** Answers to nothing we asked before the connection ends (BEP 6 says at once; cancels can cross on the way). */
const STRIKES_MAX = 8
const NO_BLOCK = -1

export type LedgerBlock = { readonly piece: number; readonly begin: number; readonly length: number }

export class RequestLedger {
  readonly #layout: Layout
  readonly #blocksPerPiece: number
  /** Block number -> when it was asked, oldest first. */
  readonly #asked = new Map<number, number>()
  #excused = 0
  #strikes = 0

  constructor(layout: Layout) {
    this.#layout = layout
    this.#blocksPerPiece = Math.ceil(layout.pieceLength / BLOCK_BYTES)
  }

  get size(): number {
    return this.#asked.size
  }

  add(piece: number, begin: number, nowMs: number): void {
    this.#asked.set(this.#keyOf(piece, begin), nowMs)
  }

  /** An answer came: when it was asked, or undefined for what was given up. @throws {DecodeError} with `code` */
  answered(piece: number, begin: number, code: string): number | undefined {
    const key = this.#keyOf(piece, begin)
    const askedMs = this.#asked.get(key)
    if (askedMs !== undefined) this.#asked.delete(key)
    else if (this.#excused > 0) this.#excused--
    else if (++this.#strikes > STRIKES_MAX) throw new DecodeError(code, 'an answer to what was never asked')
    return askedMs
  }

  /** Given up; its answer may still come. False when it was not under way. */
  giveUp(piece: number, begin: number): boolean {
    if (!this.#asked.delete(this.#keyOf(piece, begin))) return false
    this.#excused++
    return true
  }

  giveUpAll(): void {
    this.#excused += this.#asked.size
    this.#asked.clear()
  }

  /** Call with something under way. */
  oldest(): LedgerBlock & { readonly askedMs: number } {
    const [key, askedMs] = this.#asked.entries().next().value!
    const piece = Math.floor(key / this.#blocksPerPiece)
    const begin = (key % this.#blocksPerPiece) * BLOCK_BYTES
    return { piece, begin, length: this.lengthOf(piece, begin), askedMs }
  }

  lengthOf(piece: number, begin: number): number {
    return Math.min(BLOCK_BYTES, this.#layout.pieceBytes(piece) - begin)
  }

  /** A begin that is no block's start belongs to no request of ours. */
  #keyOf(piece: number, begin: number): number {
    const right = begin % BLOCK_BYTES === 0 && begin < this.#layout.pieceLength
    return right ? piece * this.#blocksPerPiece + begin / BLOCK_BYTES : NO_BLOCK
  }
}
