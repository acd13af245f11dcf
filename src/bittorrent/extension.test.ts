// Goal: extension handshakes (BEP 10) and metadata messages (BEP 9) as their texts have them, bad ones with a code.
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DecodeError } from '../base/errors.ts'
import { decodeExtensionHandshake, type ExtensionHandshake, encodeExtensionHandshake } from './extension.ts'
import { ExtensionChannel, type ExtensionOwner } from './extension-channel.ts'
import {
  answerMetadata,
  decodeMetadataMessage,
  encodeMetadataMessage,
  METADATA_PIECE_BYTES,
  MetadataFetch,
  type MetadataMessage,
  metadataAnswer,
} from './ut-metadata.ts'

const ascii = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'))

test('reads the handshake of BEP 10', () => {
  const payload = ascii('d1:md11:LT_metadatai1e6:\xb5T_PEXi2ee1:pi6881e1:v13:\xc2\xb5Torrent 1.2e')
  deepEqual(decodeExtensionHandshake(payload), { ids: {}, listenPort: 6881, client: '??Torrent 1.2' })
})

const ours: ExtensionHandshake = {
  ids: { ut_metadata: 3, tsw: 0 },
  client: 'Tallyswarm 0.1.0',
  listenPort: 6881,
  requestQueue: 500,
  metadataBytes: 31_235,
  uploadOnly: true,
}

test('reads and writes what we know', () => {
  const text =
    'd1:md3:tswi0e11:ut_metadatai3ee13:metadata_sizei31235e1:pi6881e4:reqqi500e11:upload_onlyi1e1:v16:Tallyswarm 0.1.0e'
  deepEqual(encodeExtensionHandshake(ours), ascii(text))
  deepEqual(decodeExtensionHandshake(ascii(text)), ours)
})

for (const [code, text] of Object.entries({
  BENCODE_NOT_A_DICT: 'le',
  BENCODE_TRUNCATED: 'd1:m',
  FIELD_TYPE: 'd1:mi1ee',
  FIELD_RANGE: 'd1:md11:ut_metadatai256eee',
})) {
  test(`refuses ${code}`, () =>
    throws(() => decodeExtensionHandshake(ascii(text)), { name: 'DecodeError', code }))
}

const MESSAGES: readonly [MetadataMessage, string][] = [
  [{ type: 'request', piece: 0 }, 'd8:msg_typei0e5:piecei0ee'],
  [
    { type: 'data', piece: 0, totalBytes: 3425, bytes: ascii('xxxx') },
    'd8:msg_typei1e5:piecei0e10:total_sizei3425eexxxx',
  ],
  [{ type: 'reject', piece: 0 }, 'd8:msg_typei2e5:piecei0ee'],
]

for (const [message, text] of MESSAGES) {
  test(`agrees with BEP 9 both ways: ${message.type}`, () => {
    deepEqual(encodeMetadataMessage(message), ascii(text))
    deepEqual(decodeMetadataMessage(ascii(text)), message)
  })
}

test('ignores message types that BEP 9 does not know', () => {
  equal(decodeMetadataMessage(ascii('d8:msg_typei9e5:piecei0ee')), undefined)
})

for (const [code, text] of Object.entries({
  FIELD_MISSING: 'd8:msg_typei1e5:piecei0ee',
  FIELD_RANGE: 'd8:msg_typei0e5:piecei-1ee',
  FIELD_TYPE: 'i1e',
  BENCODE_TRUNCATED: 'd8:msg_type',
})) {
  test(`refuses a metadata message: ${code}`, () =>
    throws(() => decodeMetadataMessage(ascii(text)), { name: 'DecodeError', code }))
}

test('any bytes decode or raise DecodeError', () => {
  for (const decode of [decodeExtensionHandshake, decodeMetadataMessage]) {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.constantFrom('', 'd', 'd8:msg_typei1e'),
        (tail, head) => {
          try {
            decode(Uint8Array.of(...ascii(head), ...tail))
          } catch (error) {
            if (!(error instanceof DecodeError)) throw error
          }
        },
      ),
    )
  }
})

test('metadata of any length passes through messages unchanged', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 * METADATA_PIECE_BYTES + 1 }),
      fc.integer({ min: 1, max: 5 }),
      (size, window) => {
        const info = new Uint8Array(size).map((_, i) => i)
        const fetch = new MetadataFetch(size)
        let all: Uint8Array | undefined
        while (all === undefined) {
          const asked: number[] = []
          for (let piece = fetch.next(window); piece !== undefined; piece = fetch.next(window))
            asked.push(piece)
          ok(asked.length > 0 && asked.length <= window)
          for (const piece of asked) {
            const answer = decodeMetadataMessage(encodeMetadataMessage(metadataAnswer(info, piece)))
            ok(answer?.type === 'data' && answer.totalBytes === size)
            all = fetch.take(piece, answer.bytes)
          }
        }
        deepEqual(all, info)
      },
    ),
    { numRuns: 30 },
  )
})

test('a piece we do not have is rejected', () => {
  deepEqual(metadataAnswer(new Uint8Array(10), 1), { type: 'reject', piece: 1 })
})

test('metadata pieces that were not asked for, or of another length, have a code', () => {
  const fetch = new MetadataFetch(METADATA_PIECE_BYTES + 5)
  throws(() => fetch.take(0, new Uint8Array(METADATA_PIECE_BYTES)), { code: 'METADATA_UNREQUESTED' })
  fetch.next(1)
  throws(() => fetch.take(0, new Uint8Array(5)), { code: 'METADATA_LENGTH' })
  throws(() => fetch.take(1, new Uint8Array(5)), { code: 'METADATA_UNREQUESTED' })
})

function channel() {
  const log: unknown[] = []
  const owner: ExtensionOwner = {
    send: (bytes) => log.push(bytes.slice(4)),
    extensionsKnown: () => log.push('known'),
    metadataMessage: (message) => log.push(message),
    tally: { receiveFrame: (frame) => void log.push(frame) },
  }
  return { log, channel: new ExtensionChannel(owner) }
}

test('a later handshake changes only what it names; 0 switches an extension off', () => {
  const { log, channel: it } = channel()
  it.sendTally(ascii('early'))
  it.receive(0, encodeExtensionHandshake({ ids: { ut_metadata: 9, tsw: 5 }, requestQueue: 7 }))
  it.receive(0, encodeExtensionHandshake({ ids: { ut_metadata: 0 } }))
  equal(it.peer.requestQueue, 7)
  ok(it.speaks('tsw') && !it.speaks('ut_metadata'))
  it.sendMetadata({ type: 'request', piece: 0 })
  it.sendTally(ascii('frame'))
  deepEqual(log, ['known', 'known', ascii('\x14\x05frame')])
})

test('messages arrive under our numbers; unknown numbers are ignored', () => {
  const { log, channel: it } = channel()
  it.receive(1, ascii('d8:msg_typei0e5:piecei2ee'))
  it.receive(2, ascii('frame'))
  it.receive(77, ascii('whatever'))
  deepEqual(log, [{ type: 'request', piece: 2 }, ascii('frame')])
})

test('refuses EXTENSION_FLOOD', () => {
  const { channel: it } = channel()
  throws(
    () => {
      for (let i = 0; i < 1_000; i++) it.receive(0, ascii('de'))
    },
    { code: 'EXTENSION_FLOOD' },
  )
})

test('metadata is served three times to one peer, then rejected; so is what nobody reads', () => {
  const info = new Uint8Array(METADATA_PIECE_BYTES)
  const sent: string[] = []
  const extensions = { sendMetadata: ({ type }: MetadataMessage) => void sent.push(type) }
  const asker = { metadataSentBytes: 0, writable: true, extensions }
  for (let i = 0; i < 4; i++) answerMetadata(asker, 0, info)
  answerMetadata({ ...asker, metadataSentBytes: 0, writable: false }, 0, info)
  answerMetadata({ ...asker, metadataSentBytes: 0 }, 0, undefined)
  deepEqual(sent, ['data', 'data', 'data', 'reject', 'reject', 'reject'])
})
