/**
 * Reused buffers for runs of outgoing blocks: before each block's bytes there is room for its header, so that a run
 * is one scattered read and one write.
 *
 *   13 header | 16384 block | 13 header | 16384 block | ...
 *
 * @module
 */
import { BLOCK_BYTES } from '../content/layout.ts'
import { PIECE_HEADER_BYTES } from './wire.ts'

export const RUN_STRIDE = PIECE_HEADER_BYTES + BLOCK_BYTES
/** Measured: a run of 32 blocks per write (`docs/bench`). */
export const LARGE_RUN_BLOCKS = 32
/** What a slow or new peer gets: its buffers wait in the socket, so they should be small. */
export const SMALL_RUN_BLOCKS = 4

/** `views[i]` is where the bytes of full block i go. */
export type RunBuffer = { readonly bytes: Uint8Array; readonly views: readonly Uint8Array[] }

/** Shared by all sessions of a host. Large buffers are counted; who gets none makes do with a small one. */
export class BlockPool {
  readonly #largeMax: number
  readonly #free: { small: RunBuffer[]; large: RunBuffer[] } = { small: [], large: [] }
  #largeOut = 0

  /** @param largeMax Large buffers in all, 512 KiB each. */
  constructor(largeMax = 32) {
    this.#largeMax = largeMax
  }

  /** At least one block, at most `blocks`. Give it back. */
  take(blocks: number): RunBuffer {
    if (blocks <= SMALL_RUN_BLOCKS || this.#largeOut >= this.#largeMax) {
      return this.#free.small.pop() ?? createRunBuffer(SMALL_RUN_BLOCKS)
    }
    this.#largeOut++
    return this.#free.large.pop() ?? createRunBuffer(LARGE_RUN_BLOCKS)
  }

  give(buffer: RunBuffer): void {
    if (buffer.views.length === LARGE_RUN_BLOCKS) {
      this.#largeOut--
      this.#free.large.push(buffer)
    } else if (buffer.views.length === SMALL_RUN_BLOCKS && this.#free.small.length < this.#largeMax) {
      this.#free.small.push(buffer)
    }
  }
}

function createRunBuffer(blocks: number): RunBuffer {
  const bytes = new Uint8Array(blocks * RUN_STRIDE)
  const views = Array.from({ length: blocks }, (_, i) =>
    bytes.subarray(i * RUN_STRIDE + PIECE_HEADER_BYTES, (i + 1) * RUN_STRIDE),
  )
  return { bytes, views }
}
