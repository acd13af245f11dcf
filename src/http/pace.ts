/**
 * How much a connection asks for at once: enough that the round trip does not matter, little enough that a
 * slow server does not keep blocks that others could bring.
 *
 * @module
 */

/** Blocks of a connection's first request: 256 KiB. */
export const START_BLOCKS = 16
/**
 * A job that takes longer was too long: the next is half. One done in a quarter of it: the next is double.
 */
const JOB_LONG_MS = 2_000

/** The size of the next job, 1 to `blocksMax` blocks, after one that took `spanMs`. */
export function nextBlocks(blocks: number, spanMs: number, blocksMax: number): number {
  if (spanMs > JOB_LONG_MS) return Math.max(1, blocks >>> 1)
  return spanMs < JOB_LONG_MS / 4 ? Math.min(blocksMax, blocks * 2) : blocks
}
