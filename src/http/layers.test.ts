// Goal: each layer of each tree is taken from where it can be had, and no layer is invented.
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { planLayer } from './layers.ts'

const KIB = 1_024
const plan = (length: number, pieceLength: number, height: number) =>
  planLayer({ length, pieceLength }, height)

test('an empty file has no tree, a file of one leaf has its root only', () => {
  equal(plan(0, 32 * KIB, 0), undefined)
  for (const height of [0, 1, 4]) {
    deepEqual(plan(1, 32 * KIB, height), { layer: 0, hashes: 1, from: 'root', base: 0 })
  }
  equal(plan(1, 32 * KIB, 5), undefined)
})

test('a file of 100 leaves in pieces of four', () => {
  const length = 100 * 16 * KIB
  const at = (height: number) => plan(length, 64 * KIB, height)
  deepEqual(at(0), { layer: 0, hashes: 100, from: 'leaves', base: 0 })
  deepEqual(at(1), { layer: 1, hashes: 50, from: 'leaves', base: 0 })
  deepEqual(at(2), { layer: 2, hashes: 25, from: 'piece-layer', base: 2 })
  deepEqual(at(4), { layer: 4, hashes: 7, from: 'piece-layer', base: 2 })
  deepEqual(at(6), { layer: 6, hashes: 2, from: 'piece-layer', base: 2 })
  deepEqual(at(7), { layer: 7, hashes: 1, from: 'root', base: 7 })
  equal(at(8), undefined)
})

test('a file within one piece has leaves and a root, and its root stands for its chunk', () => {
  const length = 3 * 16 * KIB
  deepEqual(plan(length, 1_024 * KIB, 1), { layer: 1, hashes: 2, from: 'leaves', base: 0 })
  deepEqual(plan(length, 1_024 * KIB, 4), { layer: 2, hashes: 1, from: 'root', base: 2 })
})
