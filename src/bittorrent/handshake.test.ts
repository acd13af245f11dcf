// Goal: the 68 bytes of BEP 3 with the bits of BEP 6, 10 and 52, and nothing else taken for a handshake.
import { deepEqual, equal, match, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DecodeError } from '../base/errors.ts'
import { peerId } from '../base/ids.ts'
import { systemRandom } from '../base/io/system.ts'
import {
  createPeerId,
  decodeHandshake,
  encodeHandshake,
  type Handshake,
  HandshakeReader,
} from './handshake.ts'

const ascii = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'))
const value: Handshake = {
  extensions: true,
  fast: true,
  v2: true,
  infoHash: ascii('aaaaaaaaaaaaaaaaaaaa'),
  peerId: peerId(ascii('-TY0100-012345678901')),
}
const vector = ascii('\x13BitTorrent protocol\0\0\0\0\0\x10\0\x14aaaaaaaaaaaaaaaaaaaa-TY0100-012345678901')

test('agrees with the vector both ways', () => {
  deepEqual(encodeHandshake(value), vector)
  deepEqual(decodeHandshake(vector), value)
})

for (const [code, packet] of Object.entries({
  TRUNCATED: vector.subarray(0, 67),
  NOT_BITTORRENT: ascii('GET / HTTP/1.1\r\n'),
})) {
  test(`refuses ${code}`, () => throws(() => decodeHandshake(packet), { name: 'DecodeError', code }))
}

test('the reader takes 68 bytes from chunks of any size and leaves the rest', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 80 }), (chunkBytes) => {
      const reader = new HandshakeReader()
      const stream = Uint8Array.of(...vector, 1, 2, 3)
      let at = 0
      while (!reader.complete) at += reader.take(stream.subarray(at, at + chunkBytes))
      equal(at, 68)
      deepEqual(reader.read(), value)
    }),
  )
})

test('the reader refuses at the first wrong byte', () => {
  throws(() => new HandshakeReader().take(ascii('\x13Bix')), { code: 'NOT_BITTORRENT' })
})

test('any bytes decode and encode back, or raise DecodeError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 80 }), fc.boolean(), (tail, right) => {
      const packet = right ? Uint8Array.of(...vector.subarray(0, 20), ...tail) : tail
      try {
        const read = decodeHandshake(packet)
        deepEqual(decodeHandshake(encodeHandshake(read)), read)
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error
      }
    }),
  )
})

test('peer ids carry our prefix (BEP 20) and printable random letters', () => {
  match(Buffer.from(createPeerId(systemRandom)).toString('latin1'), /^-TY0100-[0-9a-zA-Z_-]{12}$/)
})
