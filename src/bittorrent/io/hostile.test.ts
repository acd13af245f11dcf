// Goal: whatever a peer sends over a real socket costs it the connection, with a code, and the host lives on.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { concatBytes } from '../../base/bytes.ts'
import type { BittorrentHost, Swarm } from '../contract.ts'
import { encodeExtensionHandshake } from '../extension.ts'
import { makeShare, memoryDownload, seedOf } from '../fixture.ts'
import { encodeHashRange } from '../hash-range.ts'
import { encodeMetadataMessage } from '../ut-metadata.ts'
import * as wire from '../wire.ts'
import { createBittorrentHost } from './host.ts'
import { handshakeOf, RawPeer } from './raw-peer.fixture.ts'

const made = makeShare({ version: 'hybrid', lengths: [400_000], pieceLength: 32_768 })
const { share } = made
const infoHash = share.infoHashV1!
const LOOPBACK = { listen: { host: '127.0.0.1', port: 0 } }
const SMALL = { queuedRequestsMax: 50 }

let seeder: BittorrentHost
let swarm: Swarm
before(async () => {
  seeder = await createBittorrentHost({ ...LOOPBACK, handshakeTimeoutMs: 300, swarm: SMALL })
  swarm = seeder.addSwarm({ infoHashV1: infoHash, infoHashV2: share.infoHashV2! })
  swarm.setTransfer(seedOf(made))
})
after(() => seeder[Symbol.asyncDispose]())

const greet = (options: { fast?: boolean } = {}) => RawPeer.greet(seeder.address!, { infoHash, ...options })
const countOf = (code: string) => (swarm.status().closes[code] ?? 0) + (seeder.status().refused[code] ?? 0)
const head = (length: number, id: number) => {
  const bytes = new Uint8Array(5)
  new DataView(bytes.buffer).setUint32(0, length)
  bytes[4] = id
  return bytes
}
const extended = (id: number, text: string) =>
  wire.encodeExtended(id, Uint8Array.from(Buffer.from(text, 'latin1')))
const request = (piece: number, begin: number, length: number) =>
  wire.encodeTriples(wire.REQUEST, Int32Array.of(piece, begin, length), 1)
const flood = (message: Uint8Array, count: number) =>
  concatBytes(...Array.from({ length: count }, () => message))
const range = { piecesRoot: share.files[0]!.piecesRoot!, baseLayer: 0, index: 0, length: 2, proofLayers: 0 }
const hashRequest = wire.encodeBytes(wire.HASH_REQUEST, encodeHashRange(range))

const ENDS: readonly [code: string, name: string, messages: Uint8Array, options?: { fast?: boolean }][] = [
  ['MESSAGE_TOO_LONG', 'an oversize block', head(2 ** 20, wire.PIECE)],
  ['MESSAGE_TOO_LONG', 'an oversize extension message', head(2 ** 30, wire.EXTENDED)],
  ['MESSAGE_TOO_LONG', 'an oversize unknown message', head(0xffff_ffff, 200)],
  ['MESSAGE_LENGTH', 'a bitfield of the wrong length', wire.encodeBytes(wire.BITFIELD, new Uint8Array(3))],
  [
    'BITFIELD_SPARE_BITS',
    'a bitfield with spare bits',
    wire.encodeBytes(wire.BITFIELD, Uint8Array.of(255, 255)),
  ],
  ['BITFIELD_TWICE', 'two bitfields', flood(wire.encodeFixed(wire.HAVE_NONE), 2)],
  ['PIECE_RANGE', 'a piece that does not exist', wire.encodeFixed(wire.HAVE, 13)],
  ['UNREQUESTED_BLOCK', 'a block nobody asked for', wire.encodeBytes(wire.PIECE, new Uint8Array(100))],
  [
    'UNREQUESTED_HASHES',
    'hashes nobody asked for',
    wire.encodeBytes(wire.HASH_REJECT, encodeHashRange(range)),
  ],
  ['BAD_REQUEST', 'a request outside its piece', request(0, 32_768, 16_384)],
  ['BAD_REQUEST', 'a request of nothing', request(0, 0, 0)],
  ['BAD_REQUEST', 'a request of a piece that does not exist', request(13, 0, 16_384)],
  ['REQUEST_FLOOD', 'requests without end while choked', flood(request(12, 0, 16), 50_000)],
  [
    'HASH_RANGE',
    'a hash request that no tree has',
    wire.encodeBytes(wire.HASH_REQUEST, encodeHashRange({ ...range, length: 3 })),
  ],
  ['HASH_REQUEST_FLOOD', 'hash requests without end', flood(hashRequest, 5_000)],
  ['BENCODE_TOO_DEEP', 'a bencode bomb', extended(0, `d1:m${'l'.repeat(100_000)}`)],
  ['BENCODE_TRUNCATED', 'an extension handshake of garbage', extended(0, 'd9999999999:')],
  ['EXTENSION_FLOOD', 'extension handshakes without end', flood(extended(0, 'de'), 1_000)],
  ['FIELD_MISSING', 'a metadata message without its fields', extended(1, 'de')],
  ['NOT_FAST', 'a fast message without the extension', wire.encodeFixed(wire.HAVE_ALL), { fast: false }],
]

for (const [code, name, messages, options] of ENDS) {
  test(`ends the connection: ${code}, ${name}`, async () => {
    const counted = countOf(code)
    await using peer = await greet(options)
    peer.send(messages)
    await peer.closed
    equal(countOf(code), counted + 1)
  })
}

test('refuses what is no handshake, a wrong info hash, and half a handshake', async () => {
  for (const [code, hello] of [
    ['NOT_BITTORRENT', Uint8Array.from(Buffer.from('GET / HTTP/1.1\r\n\r\n'))],
    ['WRONG_INFO_HASH', handshakeOf({ infoHash: new Uint8Array(20) })],
    ['HANDSHAKE_TIMEOUT', handshakeOf({ infoHash }).subarray(0, 40)],
  ] as const) {
    await using peer = await RawPeer.dial(seeder.address!)
    peer.send(hello)
    await peer.closed
    equal(seeder.status().refused[code], 1, code)
  }
})

test('a second connection of the same peer is a duplicate', async () => {
  const hello = handshakeOf({ infoHash })
  await using first = await RawPeer.dial(seeder.address!)
  first.send(hello)
  await first.hears('have-all')
  await using second = await RawPeer.dial(seeder.address!)
  second.send(hello)
  await second.closed
  equal(seeder.status().refused['DUPLICATE'], 1)
})

test('requests above the queue are rejected, one answer each (BEP 6)', async () => {
  await using peer = await greet()
  peer.pause()
  peer.send(wire.encodeFixed(wire.INTERESTED))
  await using reader = await greet()
  reader.send(wire.encodeFixed(wire.INTERESTED))
  await reader.hears('unchoke')
  reader.send(flood(request(0, 0, 16_384), 120))
  while (answers(reader) < 120) await new Promise((resolve) => setImmediate(resolve))
  equal(answers(reader), 120)
})

const answers = ({ heard }: RawPeer) =>
  heard.filter(({ type }) => type === 'piece' || type === 'reject').length

test('a peer that asks for all and reads nothing is not buffered for', async () => {
  await using peer = await greet()
  peer.send(wire.encodeFixed(wire.INTERESTED))
  await peer.hears('unchoke')
  peer.pause()
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < 100; i++) {
    peer.send(flood(request(i % 12, 0, 32_768), 100))
    await new Promise((resolve) => setImmediate(resolve))
  }
  ok(process.memoryUsage().arrayBuffers - before < 32 * 2 ** 20)
})

test('a peer that sends hashes and blocks byte by byte is served like any other', async () => {
  await using peer = await RawPeer.dial(seeder.address!)
  const bytes = concatBytes(handshakeOf({ infoHash }), wire.encodeFixed(wire.INTERESTED), request(12, 0, 100))
  for (const value of bytes) {
    peer.send(Uint8Array.of(value))
    await new Promise((resolve) => setImmediate(resolve))
  }
  deepEqual(await peer.hears('unchoke'), { type: 'unchoke' })
})

/** A hostile seeder that our download dials. */
async function hostile(speak: (peer: RawPeer, swarm: Swarm) => void, magnet = false): Promise<Swarm> {
  await using leecher = await createBittorrentHost({ ...LOOPBACK, swarm: { requestsMax: 4 } })
  const server = createServer((socket) => {
    const peer = RawPeer.over(socket)
    peer.send(handshakeOf({ infoHash }))
    speak(peer, ours)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const ours = leecher.addSwarm({ infoHashV1: infoHash })
  if (!magnet) ours.setTransfer(memoryDownload(share).parts)
  const { port } = server.address() as { port: number }
  ours.addPeers([{ host: '127.0.0.1', port }])
  while (Object.keys(ours.status().closes).length === 0)
    await new Promise((resolve) => setTimeout(resolve, 5))
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    leecher[Symbol.asyncDispose]()
  })
  return ours
}

test('bad blocks get the sender banned', async () => {
  const ours = await hostile(async (peer) => {
    peer.send(wire.encodeFixed(wire.HAVE_ALL), wire.encodeFixed(wire.UNCHOKE))
    for (let answered = 0; ; ) {
      await peer.hears('request').catch(() => undefined)
      const requests = peer.heard.filter((message) => message.type === 'request')
      for (const { piece, begin, length } of requests.slice(answered)) {
        const block = new Uint8Array(wire.PIECE_HEADER_BYTES + length)
        wire.writePieceHeader(block, 0, [piece, begin, length])
        peer.send(block)
      }
      answered = requests.length
      if (await Promise.race([peer.closed.then(() => true), new Promise((r) => setTimeout(r, 5))])) return
    }
  })
  equal(ours.status().closes['BAD_DATA'], 1)
  equal(ours.status().bans, 1)
  equal(ours.addPeers([]), 0)
})

test('a peer that rejects what it claims to have is not believed for ever', async () => {
  const ours = await hostile(async (peer) => {
    peer.send(wire.encodeFixed(wire.HAVE_ALL), wire.encodeFixed(wire.UNCHOKE))
    for (let i = 0; i < 1_000; i++) peer.send(wire.encodeFixed(wire.REJECT, i % 13, 0, 16_384))
  })
  equal(ours.status().closes['UNREQUESTED_REJECT'], 1)
})

for (const [code, size, data] of [
  ['METADATA_WRONG_HASH', 100, 100],
  ['METADATA_LENGTH', 100, 99],
  ['METADATA_TOO_LARGE', 2 ** 40, 0],
] as const) {
  test(`a peer that lies about metadata: ${code}`, async () => {
    const ours = await hostile(async (peer) => {
      const handshake = { ids: { ut_metadata: 7 }, metadataBytes: size }
      peer.send(wire.encodeExtended(0, encodeExtensionHandshake(handshake)))
      await Promise.race([peer.closed, peer.hears('extended')])
      const bytes = new Uint8Array(data)
      peer.send(
        wire.encodeExtended(1, encodeMetadataMessage({ type: 'data', piece: 0, totalBytes: size, bytes })),
      )
    }, true)
    equal(ours.status().closes[code], 1)
  })
}
