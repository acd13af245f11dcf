// Goal: documents of fixed length are read strictly, integers are big-endian, and what does not fit is never written.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, toHex } from './bytes.ts'
import { FieldReader, field, tag, uint32, uint64, uint128 } from './fields.ts'

const TAG = tag('A-TAG')
const read = (bytes: Uint8Array, lengthBytes = bytes.length) =>
  new FieldReader(bytes, { tag: TAG, lengthBytes, what: 'a document' })

test('integers are big-endian', () => {
  const bytes = concatBytes(uint32(1), uint64(2n), uint128((3n << 64n) | 4n))
  equal(toHex(bytes), `${'1'.padStart(8, '0')}${['2', '3', '4'].map((n) => n.padStart(16, '0')).join('')}`)
})

test('what was written is read', () => {
  const uint = (bits: number) => fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n })
  fc.assert(
    fc.property(fc.nat(), uint(64), uint(128), fc.uint8Array({ maxLength: 40 }), (a, b, c, rest) => {
      const fields = read(concatBytes(TAG, uint32(a), uint64(b), uint128(c), rest))
      deepEqual(
        [fields.uint32(), fields.uint64(), fields.uint128(), fields.bytes(rest.length)],
        [a, b, c, rest],
      )
    }),
  )
})

test('another length, another tag, bytes that must be zero, and numbers beyond 2^53 are refused', () => {
  throws(() => read(TAG, 17), { name: 'DecodeError', code: 'WRONG_LENGTH' })
  throws(() => read(tag('B-TAG')), { name: 'DecodeError', code: 'WRONG_TAG' })
  throws(() => read(concatBytes(TAG, Uint8Array.of(0, 1))).zeros(2), { code: 'NOT_ZERO' })
  equal(read(concatBytes(TAG, uint64(2n ** 53n - 1n))).safeUint64(), Number.MAX_SAFE_INTEGER)
  throws(() => read(concatBytes(TAG, uint64(2n ** 53n))).safeUint64(), { code: 'OUT_OF_RANGE' })
})

test('fields are copies, also of a Buffer', () => {
  const bytes = Buffer.from(concatBytes(TAG, Uint8Array.of(7)))
  const copy = read(bytes).bytes(1)
  bytes.fill(0)
  deepEqual(copy, Uint8Array.of(7))
})

test('our own mistakes are assertions', () => {
  for (const mistake of [
    () => tag('a tag of more than sixteen'),
    () => uint32(2 ** 32),
    () => uint32(-1),
    () => uint64(2n ** 64n),
    () => uint128(-1n),
    () => field(TAG, 15, 'field'),
    () => read(TAG).bytes(1),
  ]) {
    throws(mistake)
  }
})
