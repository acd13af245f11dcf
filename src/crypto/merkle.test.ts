// Goal: BEP 52's trees, and hash ranges that prove what they say and nothing else.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, toHex } from '../base/bytes.ts'
import {
  HASH_BYTES,
  isValidRange,
  LEAF_BYTES,
  layerAbove,
  layerLength,
  leafLayer,
  padHash,
  pieceLayerOf,
  proofFor,
  proofInPiece,
  rootOf,
  treeHeight,
  uncleCount,
  verifyHashes,
} from './merkle.ts'
import { sha1, sha256 } from './sha.ts'

const node256 = (...parts: Uint8Array[]) =>
  new Uint8Array(
    createHash('sha256')
      .update(concatBytes(...parts))
      .digest(),
  )
const data = (length: number) => Uint8Array.from({ length }, (_, i) => i * 7 + (i >>> 8))

test('FIPS 180 vectors', () => {
  const abc = new TextEncoder().encode('abc')
  equal(toHex(sha1(abc)), 'a9993e364706816aba3e25717850c26c9cd0d89d')
  equal(toHex(sha256(abc)), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})

test('a tree of three leaves, by hand', () => {
  const bytes = data(2 * LEAF_BYTES + 5)
  const leaves = [0, 1, 2].map((i) => node256(bytes.subarray(i * LEAF_BYTES, (i + 1) * LEAF_BYTES)))
  const left = node256(leaves[0]!, leaves[1]!)
  const right = node256(leaves[2]!, new Uint8Array(32))
  deepEqual(leafLayer(bytes), concatBytes(...leaves))
  deepEqual(layerAbove(leafLayer(bytes), { from: 0, to: 1 }), concatBytes(left, right))
  deepEqual(rootOf(leafLayer(bytes), 0), node256(left, right))
  deepEqual(padHash(2), node256(node256(new Uint8Array(64)), node256(new Uint8Array(64))))
})

test('heights and layer lengths', () => {
  deepEqual([1, 16_384, 16_385, 4 * 16_384, 4 * 16_384 + 1].map(treeHeight), [0, 0, 1, 2, 3])
  deepEqual([16_384, 2 ** 20].map(pieceLayerOf), [0, 6])
  equal(layerLength(5 * LEAF_BYTES + 1, 1), 3)
})

test('BEP 52: layers inside the base range are counted in proofLayers, not sent', () => {
  equal(uncleCount({ baseLayer: 0, index: 0, length: 2, proofLayers: 3 }), 3)
  equal(uncleCount({ baseLayer: 0, index: 0, length: 8, proofLayers: 2 }), 0)
  equal(uncleCount({ baseLayer: 0, index: 0, length: 8, proofLayers: 4 }), 2)
  // libtorrent asks for one hash where one piece is left over.
  equal(uncleCount({ baseLayer: 0, index: 4, length: 1, proofLayers: 2 }), 3)
})

const LEAVES_MAX = 40
const layerOf = new Map<number, Uint8Array>()
const leavesOf = (fileLength: number) => {
  let leaves = layerOf.get(fileLength)
  if (leaves === undefined) layerOf.set(fileLength, (leaves = leafLayer(data(fileLength))))
  return leaves
}
/** A file length (short last leaf or not), and a valid range of its tree. */
const ranges = fc
  .tuple(fc.integer({ min: 2, max: LEAVES_MAX }), fc.boolean(), fc.nat(), fc.nat(), fc.nat(), fc.nat())
  .map(([leaves, short, a, b, c, d]) => {
    const fileLength = leaves * LEAF_BYTES - (short ? 100 : 0)
    const height = treeHeight(fileLength)
    const baseLayer = a % height
    const log = b % (height - baseLayer + 1)
    const length = 2 ** log
    const nodes = Math.ceil(layerLength(fileLength, baseLayer) / length)
    const range = { baseLayer, index: (c % nodes) * length, length, proofLayers: height - baseLayer - 1 }
    return { fileLength, range, flip: d }
  })

test('a full proof verifies; with any byte changed, or for another length, it does not', () => {
  fc.assert(
    fc.property(ranges, ({ fileLength, range, flip }) => {
      ok(isValidRange(range, fileLength))
      const leaves = leavesOf(fileLength)
      const hashes = proofFor(layerAbove(leaves, { from: 0, to: range.baseLayer }), range)
      equal(hashes.length, HASH_BYTES * (range.length + uncleCount(range)))
      const answer = { ...range, root: rootOf(leaves, 0), hashes, fileLength, pieceLength: 2 * LEAF_BYTES }
      ok(verifyHashes(answer))
      const changed = hashes.slice()
      changed[flip % hashes.length]! ^= 1
      ok(!verifyHashes({ ...answer, hashes: changed }))
      ok(!verifyHashes({ ...answer, hashes: hashes.subarray(HASH_BYTES) }))
      ok(!verifyHashes({ ...answer, hashes: concatBytes(hashes, padHash(0)) }))
      ok(!verifyHashes({ ...answer, root: sha256(answer.root) }))
    }),
  )
})

test('a proof made from one piece and the piece layer is the one made from the whole file', () => {
  const pieceLength = 8 * LEAF_BYTES
  fc.assert(
    fc.property(ranges, fc.nat(), ({ fileLength, range }, less) => {
      fc.pre(range.baseLayer <= 3 && range.length <= 2 ** (3 - range.baseLayer))
      const leaves = leavesOf(fileLength)
      const asked = { ...range, proofLayers: less % (range.proofLayers + 1) }
      const piece = Math.floor((range.index * 2 ** range.baseLayer) / 8)
      const pieceLeaves = leaves.subarray(piece * 8 * HASH_BYTES, (piece + 1) * 8 * HASH_BYTES)
      const pieceLayer = layerAbove(leaves, { from: 0, to: 3 })
      const whole = proofFor(layerAbove(leaves, { from: 0, to: range.baseLayer }), asked)
      deepEqual(proofInPiece({ pieceLeaves, pieceLayer, pieceLength }, asked), whole)
    }),
  )
})

test('a proof may end at the known piece layer, and only there', () => {
  const fileLength = 13 * LEAF_BYTES + 1
  const pieceLength = 4 * LEAF_BYTES
  const leaves = leavesOf(fileLength)
  const pieceLayer = layerAbove(leaves, { from: 0, to: 2 })
  const root = rootOf(leaves, 0)
  for (const index of [0, 4, 12]) {
    const range = { baseLayer: 0, index, length: 4, proofLayers: 0 }
    const answer = { ...range, root, hashes: proofFor(leaves, range), fileLength, pieceLength }
    ok(verifyHashes({ ...answer, pieceLayer }))
    ok(!verifyHashes(answer))
    ok(!verifyHashes({ ...answer, pieceLayer: new Uint8Array(pieceLayer.length) }))
  }
})

test('hashes behind the end of the file must be padding, whatever the root says', () => {
  // A maker who hashed a fourth leaf into the tree of a file of three.
  const leaves = leavesOf(4 * LEAF_BYTES)
  const range = { baseLayer: 0, index: 0, length: 4, proofLayers: 1 }
  const answer = { ...range, root: rootOf(leaves, 0), hashes: leaves, pieceLength: LEAF_BYTES }
  ok(verifyHashes({ ...answer, fileLength: 4 * LEAF_BYTES }))
  ok(!verifyHashes({ ...answer, fileLength: 3 * LEAF_BYTES }))
  // The same with the false leaf as an uncle.
  const one = { baseLayer: 0, index: 2, length: 1, proofLayers: 1 }
  const uncles = { ...answer, ...one, hashes: proofFor(leaves, one) }
  ok(verifyHashes({ ...uncles, fileLength: 4 * LEAF_BYTES }))
  ok(!verifyHashes({ ...uncles, fileLength: 3 * LEAF_BYTES }))
})

test('ranges outside the tree or the rules are refused', () => {
  const fileLength = 5 * LEAF_BYTES
  const good = { baseLayer: 0, index: 0, length: 2, proofLayers: 2 }
  ok(isValidRange(good, fileLength))
  const bad: Partial<typeof good>[] = [
    { baseLayer: -1 },
    { baseLayer: 3 },
    { baseLayer: 0.5 },
    { index: 1 },
    { index: -2 },
    { index: 6 },
    { index: 8 },
    { index: Number.NaN },
    { length: 0 },
    { length: 3 },
    { length: 16 },
    { length: 16_384 },
    { proofLayers: 3 },
    { proofLayers: -1 },
  ]
  for (const change of bad)
    equal(isValidRange({ ...good, ...change }, fileLength), false, JSON.stringify(change))
  equal(isValidRange({ baseLayer: 0, index: 0, length: 1, proofLayers: 0 }, LEAF_BYTES), false)
  equal(isValidRange(good, 0), false)
  const huge = { baseLayer: 0, index: 0, length: 8_192, proofLayers: 0 }
  equal(isValidRange(huge, 2 ** 40), true)
  equal(isValidRange({ ...huge, length: 16_384 }, 2 ** 40), false)
})
