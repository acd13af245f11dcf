// Goal: frames encode and decode to the same, and bytes that are no frame fail in a named way.
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concatBytes } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { decodeFrame, encodeFrame, FRAME_BYTES_MAX, type Frame, OPAQUE_BYTES_MAX } from './frames.ts'

const filled = (length: number, value = 5) => new Uint8Array(length).fill(value)
const signed = { document: filled(120), signature: filled(64) }
const run = { start: 1, count: 2 }
const runs = Array.from({ length: 256 }, (_, i) => ({ start: 3 * i, count: 1 }))

const frames: Frame[] = [
  { type: 'hello', bilateral: true, nonce: filled(16), swarmKey: filled(32), credentials: [] },
  {
    type: 'hello',
    bilateral: false,
    nonce: filled(16),
    swarmKey: filled(32),
    credentials: [signed, signed, signed, signed],
  },
  { type: 'offer', quote: filled(OPAQUE_BYTES_MAX) },
  { type: 'answer', accepted: true, body: filled(3) },
  { type: 'answer', accepted: false, body: filled(0) },
  { type: 'open', open: filled(244), signature: filled(64), window: 2n ** 40n },
  { type: 'opened', signature: filled(64) },
  { type: 'tally', tally: filled(224), signature: filled(64), waste: 9n, added: [run], payment: filled(0) },
  {
    type: 'tally',
    tally: filled(224),
    signature: filled(64),
    waste: 0n,
    added: runs,
    payment: filled(OPAQUE_BYTES_MAX),
  },
  { type: 'runs', added: runs },
  { type: 'waste', waste: 7n },
  { type: 'ask' },
  { type: 'window', window: 8n },
  { type: 'bye' },
]

test('every frame survives the wire, within the bound', () => {
  for (const frame of frames) {
    const bytes = encodeFrame(frame)
    ok(bytes.length <= FRAME_BYTES_MAX)
    deepEqual(decodeFrame(bytes), frame)
  }
})

test('what was decoded does not change when the receive buffer is used again', () => {
  const buffer = Buffer.from(encodeFrame(frames[0]!))
  const frame = decodeFrame(buffer)
  buffer.fill(0xff)
  deepEqual(frame, frames[0])
})

test('a HELLO is laid out as documented', () => {
  const bytes = encodeFrame(frames[0]!)
  equal(bytes.length, 1 + 1 + 1 + 16 + 32 + 1)
  deepEqual(bytes.subarray(0, 4), Uint8Array.of(1, 1, 1, 5))
})

const tallyHead = concatBytes(Uint8Array.of(6), filled(224), filled(64), filled(8, 0))
for (const [name, code, bytes] of [
  ['no bytes', 'FRAME_TYPE', new Uint8Array(0)],
  ['type 0', 'FRAME_TYPE', Uint8Array.of(0)],
  ['an unknown type', 'FRAME_TYPE', Uint8Array.of(12)],
  ['an oversize frame', 'FRAME_LENGTH', filled(FRAME_BYTES_MAX + 1, 9)],
  ['a frame cut short', 'FRAME_LENGTH', Uint8Array.of(8, 0)],
  ['bytes after the end', 'FRAME_LENGTH', Uint8Array.of(9, 0)],
  ['another version', 'FRAME_VERSION', Uint8Array.of(1, 2)],
  ['an unknown flag', 'FRAME_FLAG', Uint8Array.of(1, 1, 2)],
  [
    'too many credentials',
    'FRAME_CREDENTIALS',
    concatBytes(Uint8Array.of(1, 1, 0), filled(48), Uint8Array.of(5)),
  ],
  ['opaque bytes beyond the bound', 'FRAME_OPAQUE', Uint8Array.of(2, 8, 1)],
  ['more runs than are there', 'FRAME_LENGTH', concatBytes(tallyHead, Uint8Array.of(0xff, 0xff))],
  ['more runs than allowed', 'TOO_MANY_RUNS', concatBytes(tallyHead, Uint8Array.of(1, 1), filled(257 * 8))],
  ['an empty run', 'RUN_RANGE', concatBytes(tallyHead, Uint8Array.of(0, 1), filled(8, 0))],
] as const) {
  test(`${name} raises ${code}`, () => throws(() => decodeFrame(bytes), { name: 'DecodeError', code }))
}

test('any bytes are a frame that encodes back, or raise DecodeError', () => {
  const type = fc.integer({ min: 0, max: 12 })
  fc.assert(
    fc.property(type, fc.constantFrom(...frames), fc.uint8Array({ maxLength: 30 }), (head, frame, noise) => {
      const cut = encodeFrame(frame)
      cut.set(noise.subarray(0, Math.min(noise.length, cut.length - 1)), 1)
      for (const bytes of [Uint8Array.of(head, ...noise), cut]) {
        try {
          deepEqual(encodeFrame(decodeFrame(bytes)), bytes)
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error
        }
      }
    }),
  )
})
