// Goal: what we answer to hash requests (BEP 52) verifies for the asker, and only what verifies is taken.
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LEAF_BYTES, leafCount, pieceLayerOf, treeHeight, verifyHashes } from '../crypto/merkle.ts'
import { sha256 } from '../crypto/sha.ts'
import { Bitfield } from '../transfer/bitfield.ts'
import { memoryReader } from '../transfer/memory.fixture.ts'
import { makeShare, seedOf } from './fixture.ts'
import { HashChannel, type HashOwner } from './hash-channel.ts'
import { decodeHashRange, encodeHashRange, type FileHashRange } from './hash-range.ts'
import { HashServer } from './hash-server.ts'
import { LayerPhase, missingLayerBytes } from './layer-phase.ts'

const pieceLength = 4 * LEAF_BYTES
const made = makeShare({
  version: 'v2',
  pieceLength,
  lengths: [13 * pieceLength + 20_000, pieceLength, 3 * LEAF_BYTES - 5, 100, 0, 2 * pieceLength],
})
const { share } = made
const server = new HashServer(seedOf(made).reader, sha256)

const rangesOf = (index: number): FileHashRange[] => {
  const file = share.files[index]!
  const height = treeHeight(file.length)
  const ranges: FileHashRange[] = []
  for (let baseLayer = 0; baseLayer <= height; baseLayer++) {
    for (let length = 2; length <= 2 ** (height - baseLayer); length *= 2) {
      for (let at = 0; at < leafCount(file.length) / 2 ** baseLayer; at += length) {
        const proofLayers = height - baseLayer - 1
        ranges.push({ piecesRoot: file.piecesRoot!, baseLayer, index: at, length, proofLayers })
      }
    }
  }
  return ranges
}

test('every answer proves its hashes to the root; leaf and piece layer are always answered', async () => {
  let answered = 0
  for (const file of share.files.filter(({ length }) => length > 0)) {
    for (const range of rangesOf(file.index)) {
      const hashes = await server.answer(range)
      const wide = range.baseLayer < pieceLayerOf(pieceLength) && range.length > 4 / 2 ** range.baseLayer
      if (hashes === undefined) {
        ok(
          wide,
          `only ranges over several pieces below the piece layer are refused: ${JSON.stringify(range)}`,
        )
        continue
      }
      answered++
      const proof = { ...range, root: file.piecesRoot!, hashes, fileLength: file.length, pieceLength }
      ok(verifyHashes(proof, sha256), JSON.stringify(range))
    }
  }
  ok(answered > 30)
})

test('rejects unknown files, ranges outside the tree, and leaves of pieces that are not there', async () => {
  const [range] = rangesOf(0)
  equal(await server.answer({ ...range!, piecesRoot: new Uint8Array(32) }), undefined)
  equal(await server.answer({ ...range!, index: 64 }), undefined)
  equal(await server.answer({ ...range!, baseLayer: 30 }), undefined)
  const nothing = memoryReader(share, made.data, new Bitfield(share.layout.pieceCount))
  equal(await new HashServer(nothing, sha256).answer(range!), undefined)
  const layerless = { ...share, pieceLayers: new Map() }
  const unknown = new HashServer(
    memoryReader(layerless, made.data, Bitfield.full(share.layout.pieceCount)),
    sha256,
  )
  equal(await unknown.answer({ ...range!, baseLayer: pieceLayerOf(pieceLength), proofLayers: 0 }), undefined)
})

test('hash ranges pass through bytes unchanged', () => {
  fc.assert(
    fc.property(fc.nat(13), fc.nat(1_000), fc.nat(40), fc.nat(40), (power, n, baseLayer, proofLayers) => {
      const length = 2 ** power
      const range = {
        piecesRoot: new Uint8Array(32).fill(n),
        baseLayer,
        index: n * length,
        length,
        proofLayers,
      }
      deepEqual(decodeHashRange(encodeHashRange(range)), range)
    }),
  )
})

/** Answers from `server` at once, or what `lie` makes of it. */
async function fetchLayers(
  lie: (hashes: Uint8Array | undefined, n: number) => Uint8Array | undefined,
): Promise<{ layers: Map<number, Uint8Array>; honest: boolean[] }> {
  const bare = { ...share, pieceLayers: new Map<number, Uint8Array>() }
  equal(missingLayerBytes(bare), 32 * (14 + 2))
  const phase = new LayerPhase(bare, sha256)
  const asked: FileHashRange[] = []
  const peer = {
    options: { wire: 'v2' as const },
    hashes: {
      get outstanding() {
        return asked.length
      },
      request: (range: FileHashRange) => void asked.push(range),
    },
  }
  const honest: boolean[] = []
  for (let n = 0, nowMs = 0; !phase.done && n < 20; n++, nowMs += 20_000) {
    phase.ask([peer], nowMs)
    for (const range of asked.splice(0))
      honest.push(phase.answer(peer, { range, hashes: lie(await server.answer(range), n) }, nowMs))
  }
  return { layers: bare.pieceLayers, honest }
}

test('layers are fetched, verified and put into the share', async () => {
  const { layers, honest } = await fetchLayers((hashes) => hashes)
  deepEqual(layers, share.pieceLayers)
  ok(honest.every(Boolean))
})

test('wrong hashes name the liar and leave no trace', async () => {
  const flipped = await fetchLayers((hashes) => hashes?.map((value, i) => (i === 33 ? value ^ 1 : value)))
  equal(flipped.layers.size, 0)
  ok(flipped.honest.every((value) => !value))
})

test('a peer that refuses is left alone for a while, asked for everything else, and then again', async () => {
  const rationing = await fetchLayers((hashes, n) => (n < 6 ? undefined : hashes))
  deepEqual(rationing.layers, share.pieceLayers)
  const phase = new LayerPhase({ ...share, pieceLayers: new Map() }, sha256)
  const asked: FileHashRange[] = []
  const hashes = { outstanding: 0, request: (range: FileHashRange) => void asked.push(range) }
  const peer = { options: { wire: 'v2' as const }, hashes }
  const askedAt: number[] = []
  for (let nowMs = 0; nowMs < 30_000; nowMs += 50) {
    phase.ask([peer], nowMs)
    for (const range of asked.splice(0)) {
      askedAt.push(nowMs)
      phase.answer(peer, { range, hashes: undefined }, nowMs)
    }
  }
  ok(askedAt.length >= 4, 'it may only have rationed us')
  ok(askedAt.length <= 20, `asked ${askedAt.length} times in 30 s`)
})

test('equal files share one request', () => {
  const twins = makeShare({ version: 'v2', pieceLength, lengths: [2 * pieceLength, 2 * pieceLength] }).share
  const [a, b] = twins.files
  const same = { ...twins, files: [a!, { ...b!, piecesRoot: a!.piecesRoot! }], pieceLayers: new Map() }
  const asked: FileHashRange[] = []
  const hashes = { outstanding: 0, request: (range: FileHashRange) => void asked.push(range) }
  new LayerPhase(same, sha256).ask([{ options: { wire: 'v2' }, hashes }], 0)
  equal(asked.length, 1)
})

test('piece layers of a tree of many files are given in one go', async () => {
  const lengths = Array.from({ length: 1_500 }, () => LEAF_BYTES + 1)
  const tree = makeShare({ version: 'v2', pieceLength: LEAF_BYTES, lengths })
  const phase = new LayerPhase({ ...tree.share, pieceLayers: new Map() }, sha256)
  const requests: FileHashRange[] = []
  const peer = {
    options: { wire: 'v2' as const },
    hashes: { outstanding: 0, request: (range: FileHashRange) => void requests.push(range) },
  }
  phase.ask([peer], 0)
  const given: number[] = []
  const channel = new HashChannel({
    hashServer: new HashServer(seedOf(tree).reader, sha256),
    writable: true,
    nowMs: () => 0,
    send: (bytes) => given.push(bytes[4]!),
  })
  for (const range of requests) {
    channel.receive(range)
    for (let i = 0; i < 20; i++) await Promise.resolve()
  }
  deepEqual([given.length, given.every((id) => id === 22)], [1_500, true])
})

test('hash requests are rationed, waiting ones bounded, and floods end the connection', async () => {
  let nowMs = 0
  const sent: number[] = []
  const owner: HashOwner = {
    hashServer: server,
    writable: true,
    nowMs: () => nowMs,
    send: (bytes) => sent.push(bytes[4]!),
  }
  const channel = new HashChannel(owner)
  const [range] = rangesOf(0)
  for (let i = 0; i < 300; i++) channel.receive(range!)
  ok(sent.filter((id) => id === 23).length >= 300 - 68, 'what is above the ration is rejected at once')
  while (sent.length < 300) await Promise.resolve()
  nowMs = 1_000
  channel.receive(range!)
  while (sent.length < 301) await Promise.resolve()
  equal(sent.at(-1), 22, 'tokens come back with time')
  throws(
    () => {
      for (let i = 0; i < 2_000; i++) channel.receive(range!)
    },
    { code: 'HASH_REQUEST_FLOOD' },
  )
})
