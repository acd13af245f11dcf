/**
 * A run: adjacent requests that are read together and sent together.
 *
 *   13 header | block | 13 header | block | ...
 *
 * @module
 */
import { BLOCK_BYTES } from '../content/layout.ts'
import type { RunBuffer } from './block-pool.ts'
import { PIECE_HEADER_BYTES } from './wire.ts'

export type Run = {
  readonly buffer: RunBuffer
  /** (piece, begin, length) of each block. */
  readonly blocks: readonly number[]
  /** With headers. */
  readonly bytes: number
  readonly payload: number
  /** Its bytes have been read. */
  ready: boolean
}

/** Where the payload of each block of a run goes. */
export function viewsOf({ buffer, blocks }: Run): readonly Uint8Array[] {
  const views: Uint8Array[] = []
  let at = 0
  for (let i = 2; i < blocks.length; i += 3) {
    const length = blocks[i]!
    at += PIECE_HEADER_BYTES
    const ready = buffer.views[views.length]
    const usable = length === BLOCK_BYTES && ready?.byteOffset === buffer.bytes.byteOffset + at
    views.push(usable ? ready : buffer.bytes.subarray(at, at + length))
    at += length
  }
  return views
}
