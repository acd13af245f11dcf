/**
 * Which block numbers a range of a piece has in tallies.
 *
 * Source: design section 3, "Runs". Shares with v2 hashes: the 16 KiB leaves of each file, counted through the files
 * in info order; padding has no number. v1-only shares: 16 KiB steps inside each piece, `piece * steps + step`.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { BLOCK_BYTES, type Layout } from '../content/layout.ts'
import type { Share } from '../content/share.ts'
import type { Run } from './link.ts'

const BLOCKS_MAX = 2 ** 32

export class BlockNumbering {
  readonly #layout: Layout
  /** Number of the first leaf of each file; undefined for v1-only shares. */
  readonly #firstLeaf: readonly number[] | undefined
  readonly #stepsPerPiece: number
  /** Block numbers are below this. */
  readonly blockCount: number

  constructor({ layout, version }: Pick<Share, 'layout' | 'version'>) {
    this.#layout = layout
    this.#stepsPerPiece = Math.ceil(layout.pieceLength / BLOCK_BYTES)
    if (version === 'v1') {
      this.blockCount = layout.pieceCount * this.#stepsPerPiece
    } else {
      const firstLeaf: number[] = []
      let blocks = 0
      for (const file of layout.files) {
        firstLeaf[file.index] = blocks
        blocks += Math.ceil(file.length / BLOCK_BYTES)
      }
      this.#firstLeaf = firstLeaf
      this.blockCount = blocks
    }
    assert(this.blockCount <= BLOCKS_MAX, 'a share has at most 2^32 blocks (64 TiB)')
  }

  /** Bytes of the share's files. */
  get payloadBytes(): number {
    return this.#layout.payloadBytes
  }

  /** The blocks that hold payload of [begin, begin + length) of a piece; none for padding, v1 runs may overlap. */
  runs(piece: number, begin: number, length: number): Run[] {
    const spans = this.#layout.spans(piece, begin, length)
    if (this.#firstLeaf !== undefined) {
      return spans.map(({ file, fileOffset, length: bytes }) =>
        run(this.#firstLeaf![file]!, fileOffset, fileOffset + bytes),
      )
    }
    const first = piece * this.#stepsPerPiece
    return spans.map(({ at, length: bytes }) => run(first, begin + at, begin + at + bytes))
  }

  /** Payload of whole blocks: the most that disjoint runs can be worth. Runs beyond the share count nothing. */
  payloadBytesOf(runs: readonly Run[]): number {
    const firstLeaf = this.#firstLeaf
    let sum = 0
    for (const { start, count } of runs) {
      const end = Math.min(start + count, this.blockCount)
      sum += firstLeaf === undefined ? this.#stepsPayload(start, end) : this.#leavesPayload(start, end)
    }
    return sum
  }

  #leavesPayload(start: number, end: number): number {
    const files = this.#layout.files
    let low = 0
    let high = files.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const file = files[middle]!
      if (this.#firstLeaf![file.index]! + Math.ceil(file.length / BLOCK_BYTES) <= start) low = middle + 1
      else high = middle
    }
    let sum = 0
    for (let i = low; i < files.length; i++) {
      const { index, length } = files[i]!
      const first = this.#firstLeaf![index]!
      if (first >= end) break
      const from = Math.max(0, start - first) * BLOCK_BYTES
      const to = Math.min(length, (end - first) * BLOCK_BYTES)
      if (to > from) sum += to - from
    }
    return sum
  }

  #stepsPayload(start: number, end: number): number {
    const { pieceLength } = this.#layout
    let sum = 0
    for (let block = start; block < end; ) {
      const piece = Math.floor(block / this.#stepsPerPiece)
      const pieceEnd = Math.min(end, (piece + 1) * this.#stepsPerPiece)
      const begin = (block - piece * this.#stepsPerPiece) * BLOCK_BYTES
      const last = Math.min(pieceLength, (pieceEnd - piece * this.#stepsPerPiece) * BLOCK_BYTES)
      sum += this.#layout.payloadBytesIn(piece, begin, last - begin)
      block = pieceEnd
    }
    return sum
  }
}

/** The blocks that [from, to) touches, numbered from `first`. */
function run(first: number, from: number, to: number): Run {
  const start = Math.floor(from / BLOCK_BYTES)
  return { start: first + start, count: Math.ceil(to / BLOCK_BYTES) - start }
}
