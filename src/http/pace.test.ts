// Goal: fast servers are asked for more, slow ones for less, within bounds.
import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { nextBlocks, START_BLOCKS } from './pace.ts'

test('doubles, stays, halves', () => {
  equal(nextBlocks(START_BLOCKS, 100, 128), 32)
  equal(nextBlocks(START_BLOCKS, 1_000, 128), 16)
  equal(nextBlocks(START_BLOCKS, 5_000, 128), 8)
  equal(nextBlocks(100, 0, 128), 128)
  equal(nextBlocks(1, 60_000, 128), 1)
})
