/**
 * Where the bytes of a share lie: files, pad bytes and pieces in one linear "piece space".
 *
 * Source: BEP 3 (pieces run over the concatenated files), BEP 47 (pad files), BEP 52 (every file starts on a piece
 * boundary). One space serves all three: v2-only shares get the padding that their hybrid form would have, so a
 * piece index means the same on every wire.
 *
 *   piece i covers [i * pieceLength, i * pieceLength + pieceBytes(i))
 *   pieceBytes(i)   what is requested and sent: up to the last byte that is not trailing padding
 *   v1HashBytes(i)  what SHA-1 covers in v1 and hybrid shares: trailing padding (zeros) included
 *
 * @module
 */
import { assert } from '../base/assert.ts'

/** A file as it lies in piece space. `path` is relative, `/`-joined, already made safe; `index` as in the info dictionary without pads. */
export type LayoutFile = {
  readonly index: number
  readonly path: string
  readonly length: number
  /** First byte in piece space. */
  readonly offset: number
}

/** A run of bytes of one file. `at` is the offset from the start of the range asked for. */
export type Span = {
  readonly file: number
  readonly fileOffset: number
  readonly at: number
  readonly length: number
}

export type LayoutInput = {
  readonly pieceLength: number
  /** Files in info order, pads left out, with their offset in piece space (ascending, not overlapping). */
  readonly files: readonly LayoutFile[]
  /** End of piece space as v1 hashes see it (v2 only: end of the last file's data). */
  readonly totalLength: number
}

export const BLOCK_BYTES = 16_384

export class Layout {
  readonly pieceLength: number
  readonly pieceCount: number
  readonly files: readonly LayoutFile[]
  /** Sum of the files' lengths: what a downloader ends up with. */
  readonly payloadBytes: number
  readonly #totalLength: number
  /** Non-empty files by offset, for searching. */
  readonly #byOffset: readonly LayoutFile[]

  constructor({ pieceLength, files, totalLength }: LayoutInput) {
    assert(Number.isSafeInteger(pieceLength) && pieceLength > 0, 'pieceLength is a positive integer')
    assert(Number.isSafeInteger(totalLength) && totalLength >= 0, 'totalLength is a safe integer')
    this.pieceLength = pieceLength
    this.files = files
    this.#totalLength = totalLength
    this.pieceCount = Math.ceil(totalLength / pieceLength)
    this.#byOffset = files.filter((file) => file.length > 0)
    this.payloadBytes = files.reduce((sum, file) => sum + file.length, 0)
  }

  /** Bytes of piece `piece` that travel: from its start to its last byte of a file. At least 1. */
  pieceBytes(piece: number): number {
    const start = piece * this.pieceLength
    const end = Math.min(start + this.pieceLength, this.#totalLength)
    const last = this.#byOffset[this.#lastStartingBefore(end)]
    if (last === undefined) return end - start
    const dataEnd = Math.min(end, last.offset + last.length)
    return dataEnd > start ? dataEnd - start : end - start
  }

  /** Bytes of piece `piece` that its v1 hash covers, trailing padding included. */
  v1HashBytes(piece: number): number {
    return Math.min(this.pieceLength, this.#totalLength - piece * this.pieceLength)
  }

  blockCount(piece: number): number {
    return Math.ceil(this.pieceBytes(piece) / BLOCK_BYTES)
  }

  /** The file bytes in [begin, begin + length) of a piece; pad bytes are in no span. */
  spans(piece: number, begin: number, length: number): Span[] {
    return this.spansAt(piece * this.pieceLength + begin, length)
  }

  /** As `spans`, for any range of piece space. */
  spansAt(start: number, length: number): Span[] {
    const end = start + length
    const spans: Span[] = []
    for (let i = Math.max(0, this.#lastStartingBefore(start + 1)); i < this.#byOffset.length; i++) {
      const file = this.#byOffset[i]!
      if (file.offset >= end) break
      const from = Math.max(start, file.offset)
      const to = Math.min(end, file.offset + file.length)
      if (to <= from) continue
      spans.push({ file: file.index, fileOffset: from - file.offset, at: from - start, length: to - from })
    }
    return spans
  }

  /** How many of these bytes belong to files: what a tally may count. */
  payloadBytesIn(piece: number, begin: number, length: number): number {
    let sum = 0
    for (const span of this.spans(piece, begin, length)) sum += span.length
    return sum
  }

  /** Index in `#byOffset` of the last file that starts before `offset`, or -1. */
  #lastStartingBefore(offset: number): number {
    let low = 0
    let high = this.#byOffset.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#byOffset[middle]!.offset < offset) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}
