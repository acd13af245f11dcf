// Goal: frames cross headers and bodies unchanged, within their limits, and nothing malformed passes for one.
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex, toHex, utf8 } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { peerId } from '../base/ids.ts'
import { sha256 } from '../crypto/sha.ts'
import { FRAME_BYTES_MAX } from '../tally/frames.ts'
import {
  decodeFramesBody,
  decodeFramesHeader,
  encodeFramesBody,
  encodeFramesHeader,
  FRAMES_HEADER_CHARS_MAX,
  FRAMES_MAX,
  framesThatFit,
  parsePeerHeader,
  transportId,
} from './frames.ts'

test('vectors laid out by hand', () => {
  const frames = [utf8('hi'), utf8('foobar')] // the base64 of the second is in RFC 4648 section 10
  equal(encodeFramesHeader(frames), 'aGk=,Zm9vYmFy')
  deepEqual(decodeFramesHeader('aGk=,Zm9vYmFy'), frames)
  equal(toHex(encodeFramesBody(frames)), '00000002686900000006666f6f626172')
  deepEqual(decodeFramesBody(fromHex('00000002686900000006666f6f626172')), frames)
})

test('the transport id names both peers, in order', () => {
  const [a, b] = [peerId(new Uint8Array(20).fill(1)), peerId(new Uint8Array(20).fill(2))]
  // printf 'TSWM-HTTP' with twenty bytes 01 and twenty bytes 02, through sha256sum
  equal(toHex(transportId(a, b, sha256)), 'b64117d3f61cd76e7ac49292797c8ec96dc95dc31c2e65b14da55925aad4f2da')
  ok(toHex(transportId(b, a, sha256)) !== toHex(transportId(a, b, sha256)))
})

const refusals: readonly (readonly [string, () => unknown])[] = [
  ['NOT_BASE64', () => decodeFramesHeader('')],
  ['NOT_BASE64', () => decodeFramesHeader('aGk')],
  ['NOT_BASE64', () => decodeFramesHeader('aGk=,')],
  ['NOT_BASE64', () => decodeFramesHeader('a-k=')],
  ['NOT_BASE64', () => decodeFramesHeader('aGk= ')],
  ['FRAMES_TOO_LONG', () => decodeFramesHeader('A'.repeat(FRAMES_HEADER_CHARS_MAX + 4))],
  [
    'FRAMES_TOO_MANY',
    () =>
      decodeFramesHeader(
        Array(FRAMES_MAX + 1)
          .fill('aGk=')
          .join(','),
      ),
  ],
  ['FRAMES_TRUNCATED', () => decodeFramesBody(fromHex('000000'))],
  ['FRAMES_TRUNCATED', () => decodeFramesBody(fromHex('00000002aa'))],
  ['FRAMES_TOO_LONG', () => decodeFramesBody(fromHex('ffffffff'))],
  ['FRAMES_TOO_MANY', () => decodeFramesBody(new Uint8Array(4 * (FRAMES_MAX + 1)))],
  ['NOT_HEX', () => parsePeerHeader('zz')],
  ['WRONG_LENGTH', () => parsePeerHeader('00'.repeat(19))],
  ['WRONG_LENGTH', () => parsePeerHeader('00'.repeat(2_000))],
]
for (const [i, [code, decode]] of refusals.entries()) {
  test(`refuses ${code} (${i})`, () => throws(decode, { name: 'DecodeError', code }))
}

const frame = fc.uint8Array({ minLength: 1, maxLength: FRAME_BYTES_MAX })
test('what fits a header comes back from it, whatever the frames', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 80 }), (frames) => {
      const fitting = frames.slice(0, framesThatFit(frames))
      ok(frames.length === 0 || fitting.length > 0, 'a frame always fits')
      if (fitting.length > 0) deepEqual(decodeFramesHeader(encodeFramesHeader(fitting)), fitting)
      deepEqual(decodeFramesBody(encodeFramesBody(frames.slice(0, FRAMES_MAX))), frames.slice(0, FRAMES_MAX))
    }),
    { numRuns: 30 },
  )
})

test('any header and any body decode or raise DecodeError', () => {
  fc.assert(
    fc.property(fc.string(), fc.uint8Array({ maxLength: 64 }), (text, body) => {
      for (const decode of [
        () => decodeFramesHeader(text),
        () => decodeFramesBody(body),
        () => parsePeerHeader(text),
      ]) {
        try {
          decode()
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error
        }
      }
    }),
  )
})
