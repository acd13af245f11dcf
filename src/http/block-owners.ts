/**
 * Remembers who brought each block until the block is judged: verified bytes are signed for to the connection
 * that they came by, not to the next one.
 *
 * @module
 */
import { BLOCK_BYTES } from '../content/layout.ts'

/** A range of one piece and who brought it. */
export type OwnedRange<T> = { readonly owner: T; readonly begin: number; readonly length: number }

export class BlockOwners<T> {
  readonly #pieces = new Map<number, Map<number, T>>()

  /** Blocks start at multiples of 16 KiB. */
  set(piece: number, begin: number, owner: T): void {
    const blocks = this.#pieces.get(piece) ?? new Map<number, T>()
    blocks.set(begin, owner)
    this.#pieces.set(piece, blocks)
  }

  /** Takes out what lies in a range, neighbours of one owner joined; blocks of nobody are left out. */
  take(piece: number, begin: number, length: number): OwnedRange<T>[] {
    const blocks = this.#pieces.get(piece)
    if (blocks === undefined) return []
    const ranges: OwnedRange<T>[] = []
    for (let at = begin; at < begin + length; at += BLOCK_BYTES) {
      const owner = blocks.get(at)
      if (owner === undefined) continue
      blocks.delete(at)
      const bytes = Math.min(BLOCK_BYTES, begin + length - at)
      const last = ranges.at(-1)
      if (last !== undefined && last.owner === owner && last.begin + last.length === at) {
        ranges.splice(-1, 1, { ...last, length: last.length + bytes })
      } else {
        ranges.push({ owner, begin: at, length: bytes })
      }
    }
    if (blocks.size === 0) this.#pieces.delete(piece)
    return ranges
  }
}
