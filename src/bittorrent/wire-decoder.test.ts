// Goal: read the wire of BEP 3, 6, 10 and 52 from chunks of any size, and let no message fail in an unnamed way.
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concatBytes } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { encodeHashRange, type FileHashRange } from './hash-range.ts'
import * as wire from './wire.ts'
import { WireDecoder, type WireLimits, type WireSink } from './wire-decoder.ts'

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const LIMITS: WireLimits = { extensionBytesMax: 64, bitfieldBytesMax: 16, unknownBytesMax: 64 }

/** Everything heard, blocks put together again. */
function listener() {
  const heard: unknown[] = []
  let block: number[] = []
  const sink: WireSink = {
    message: (message) => heard.push(structuredClone(message)),
    request: (...request) => heard.push({ type: 'request', request }),
    blockBegin: (...head) => {
      block = []
      heard.push({ type: 'block', head, block })
    },
    blockBytes: (chunk, from, to) => block.push(...chunk.subarray(from, to)),
    blockEnd: () => heard.push({ type: 'end' }),
  }
  return { heard, sink }
}

function hear(input: Uint8Array, pieceCount?: number, chunkBytes = input.length || 1): unknown[] {
  const { heard, sink } = listener()
  const decoder = new WireDecoder(sink, LIMITS)
  decoder.pieceCount = pieceCount
  for (let at = 0; at < input.length; at += chunkBytes) decoder.feed(input.subarray(at, at + chunkBytes))
  return heard
}

const range: FileHashRange = {
  piecesRoot: new Uint8Array(32).fill(7),
  baseLayer: 1,
  index: 4,
  length: 2,
  proofLayers: 3,
}
const plain = (type: string) => ({ type })

// Laid out by hand from the BEPs' tables.
const VECTORS: readonly [name: string, hex: string, heard: unknown[]][] = [
  ['keep-alive', '00000000', [plain('keep-alive')]],
  ['choke', '00000001 00', [plain('choke')]],
  ['unchoke', '00000001 01', [plain('unchoke')]],
  ['interested', '00000001 02', [plain('interested')]],
  ['not interested', '00000001 03', [plain('not-interested')]],
  ['have', '00000005 04 0000000a', [{ type: 'have', piece: 10 }]],
  ['bitfield', '00000003 05 ff80', [{ type: 'bitfield', bytes: bytes('ff80') }]],
  ['request', '0000000d 06 00000001 00004000 00004000', [{ type: 'request', request: [1, 16384, 16384] }]],
  [
    'piece',
    '0000000c 07 00000002 00000003 aabbcc',
    [{ type: 'block', head: [2, 3, 3], block: [170, 187, 204] }, plain('end')],
  ],
  ['cancel', '0000000d 08 00000001 00000002 00000003', [{ type: 'cancel', piece: 1, begin: 2, length: 3 }]],
  ['port', '00000003 09 1ae1', [{ type: 'port', port: 6881 }]],
  ['suggest', '00000005 0d 00000001', [{ type: 'suggest', piece: 1 }]],
  ['have all', '00000001 0e', [plain('have-all')]],
  ['have none', '00000001 0f', [plain('have-none')]],
  ['reject', '0000000d 10 00000001 00000002 00000003', [{ type: 'reject', piece: 1, begin: 2, length: 3 }]],
  ['allowed fast', '00000005 11 ffffffff', [{ type: 'allowed-fast', piece: 0xffff_ffff }]],
  ['extended', '00000004 14 00 6465', [{ type: 'extended', id: 0, payload: bytes('6465') }]],
  ['unknown, skipped', '00000003 63 aabb 00000001 00', [plain('choke')]],
]

for (const [name, hex, heard] of VECTORS) {
  test(`agrees with the vector, whole and byte by byte: ${name}`, () => {
    deepEqual(hear(bytes(hex)), heard)
    deepEqual(hear(bytes(hex), undefined, 1), heard)
  })
}

test('agrees with its own hash messages', () => {
  const hashes = new Uint8Array(96).fill(9)
  const messages = concatBytes(
    wire.encodeBytes(wire.HASH_REQUEST, encodeHashRange(range)),
    wire.encodeBytes(wire.HASHES, encodeHashRange(range, hashes)),
    wire.encodeBytes(wire.HASH_REJECT, encodeHashRange(range)),
  )
  const heard = [
    { type: 'hash-request', range },
    { type: 'hashes', range, hashes },
    { type: 'hash-reject', range },
  ]
  for (const chunkBytes of [1, 7, messages.length]) deepEqual(hear(messages, undefined, chunkBytes), heard)
})

const ERRORS: readonly [code: string, hex: string, pieceCount?: number][] = [
  ['MESSAGE_LENGTH', '00000002 00'], // choke with a payload
  ['MESSAGE_LENGTH', '00000004 04'], // have cut short
  ['MESSAGE_LENGTH', '0000000e 06'], // request with a byte more
  ['MESSAGE_LENGTH', '00000009 07'], // piece without a block
  ['MESSAGE_LENGTH', '00000003 05', 17], // bitfield of 2 bytes for 17 pieces
  ['MESSAGE_LENGTH', '00000002 09'], // port of one byte
  ['MESSAGE_LENGTH', '00000001 14'], // extended without an id
  ['MESSAGE_LENGTH', '00000030 15'], // hash request of 47 bytes
  ['MESSAGE_LENGTH', '00000050 16'], // hashes that are no multiple of 32
  ['MESSAGE_TOO_LONG', '0002000a 07'], // a block of more than 128 KiB
  ['MESSAGE_TOO_LONG', '00000012 05'], // bitfield above its bound while the piece count is unknown
  ['MESSAGE_TOO_LONG', '00000042 14'], // extended above its bound
  ['MESSAGE_TOO_LONG', '7fffffff 63'], // unknown above its bound
  ['MESSAGE_TOO_LONG', 'ffffffd1 16'], // hashes without end
]

for (const [code, hex, pieceCount] of ERRORS) {
  test(`refuses ${code}: ${hex}`, () =>
    throws(() => hear(bytes(hex), pieceCount), { name: 'DecodeError', code }))
}

for (const [name, change] of Object.entries({
  'a length that is no power of two': { length: 3, index: 0 },
  'an index that is no multiple': { index: 3 },
  'more hashes than anybody asks for': { length: 16_384, index: 0 },
  'a layer above any file': { baseLayer: 41 },
  'proof layers above any file': { proofLayers: 0xffff_ffff },
})) {
  test(`refuses HASH_RANGE: ${name}`, () => {
    const message = wire.encodeBytes(wire.HASH_REQUEST, encodeHashRange({ ...range, ...change }))
    throws(() => hear(message), { name: 'DecodeError', code: 'HASH_RANGE' })
  })
}

test('an announced length takes no memory before its bytes come', () => {
  const { sink } = listener()
  const decoder = new WireDecoder(sink, { ...LIMITS, extensionBytesMax: 2 ** 31 })
  const before = process.memoryUsage().arrayBuffers
  decoder.feed(bytes('7fffffff 14 00'))
  decoder.feed(new Uint8Array(100_000))
  ok(process.memoryUsage().arrayBuffers - before < 2 ** 20)
})

test('says nothing more once it was stopped, inside a chunk too', () => {
  const { heard, sink } = listener()
  const decoder = new WireDecoder({
    ...sink,
    message: (message) => {
      sink.message(message)
      decoder.stop()
    },
  })
  decoder.feed(bytes('00000001 00 00000001 01'))
  decoder.feed(bytes('00000001 02'))
  deepEqual(heard, [plain('choke')])
})

test('encoders batch: requests and their headers', () => {
  const triples = Int32Array.of(1, 0, 16384, 1, 16384, 100)
  const both = wire.encodeTriples(wire.REQUEST, triples, 2)
  equal(both.length, 2 * wire.REQUEST_BYTES)
  deepEqual(hear(both), [
    { type: 'request', request: [1, 0, 16384] },
    { type: 'request', request: [1, 16384, 100] },
  ])
  const message = new Uint8Array(16)
  wire.writePieceHeader(message, 0, [0xffff, 0x10000, 3])
  deepEqual(hear(message), [{ type: 'block', head: [0xffff, 0x10000, 3], block: [0, 0, 0] }, plain('end')])
})

const anyMessage = fc.oneof(
  fc.constantFrom(...VECTORS.map(([, hex]) => bytes(hex))),
  fc
    .tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 60 }))
    .map(([id, body]) => wire.encodeBytes(id, body)),
  fc.uint8Array({ maxLength: 12 }),
)

test('any bytes are heard alike in chunks of any size, or raise the same DecodeError', () => {
  const outcome = (input: Uint8Array, chunkBytes: number): unknown => {
    try {
      return hear(input, undefined, chunkBytes)
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      return error.code
    }
  }
  fc.assert(
    fc.property(
      fc.array(anyMessage, { maxLength: 6 }),
      fc.integer({ min: 1, max: 40 }),
      (parts, chunkBytes) => {
        const input = concatBytes(...parts)
        deepEqual(outcome(input, chunkBytes), outcome(input, input.length || 1))
      },
    ),
  )
})
