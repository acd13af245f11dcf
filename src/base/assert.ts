/**
 * Statements our own code must have made true.
 *
 * @module
 */

/** Failing is a bug of ours. Never use it on bytes from outside. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}

export const isUint32 = (value: number): boolean =>
  Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff
