// Goal: bytes land in the arena as in any array, whatever the source, and never beyond its end.
import { deepEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SharedArena } from './arena.ts'

test('the arena is filled as a plain array is', () => {
  const arena = new SharedArena(new SharedArrayBuffer(64))
  const plain = new Uint8Array(64)
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 80 }),
      fc.nat(80),
      fc.nat(80),
      fc.integer({ min: -1, max: 70 }),
      (bytes, a, b, at) => {
        const part = bytes.subarray(Math.min(a, b), Math.max(a, b))
        if (at < 0 || at + part.length > 64) throws(() => arena.set(part, at), RangeError)
        else {
          arena.set(part, at)
          plain.set(part, at)
        }
        deepEqual([...arena], [...plain])
      },
    ),
  )
  arena.set([1, 2, 3])
  deepEqual([...arena.subarray(0, 3)], [1, 2, 3])
})
