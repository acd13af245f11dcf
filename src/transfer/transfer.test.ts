// Goal: many sources of every temper together deliver each byte once, and whoever lies is named.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { Bitfield } from './bitfield.ts'
import { createSwarm, layoutOf } from './fixture.ts'

const KIB = 1024
const state = (swarm: ReturnType<typeof createSwarm>) => swarm.transfer.status().state

test('three sources deliver every block exactly once', () => {
  const layout = layoutOf(64 * KIB, [1_000_003])
  const swarm = createSwarm(layout)
  for (const label of ['a', 'b', 'c']) swarm.add({ label })
  swarm.run(200)
  equal(state(swarm), 'complete')
  equal(swarm.written.size, layout.pieceCount)
  const asked = swarm.sources.flatMap((source) => source.asked.map(([piece, begin]) => `${piece}:${begin}`))
  equal(new Set(asked).size, asked.length)
  const verified = swarm.sources.reduce((sum, source) => sum + source.verifiedBytes, 0)
  equal(verified, layout.payloadBytes)
  equal(swarm.transfer.status().verifiedBytes, layout.payloadBytes)
  for (const source of swarm.sources) deepEqual(source.closed, [{ code: 'complete' }])
})
test('a source that dies or falls silent costs its requests and nothing else', () => {
  const swarm = createSwarm(layoutOf(64 * KIB, [2_000_000]))
  swarm.add({ label: 'dies', diesAfter: 3 })
  const silent = swarm.add({ label: 'silent', silentAfter: 3 })
  swarm.add({ label: 'honest' })
  swarm.run(1_000)
  equal(state(swarm), 'complete')
  ok(silent.cancelled.length > 0)
})

test('only the silent source has the piece: it is asked again and then closed as too slow', () => {
  const swarm = createSwarm(layoutOf(64 * KIB, [100_000]))
  const silent = swarm.add({ label: 'silent', silentAfter: 0 })
  swarm.run(2_000, () => silent.closed.length > 0)
  deepEqual(silent.closed, [{ code: 'too-slow' }])
})

test('a lone liar is banned at its first bad piece, and its bytes are never written', () => {
  const layout = layoutOf(64 * KIB, [1_000_000])
  const swarm = createSwarm(layout)
  const liar = swarm.add({ label: 'liar', lies: () => true })
  swarm.run(100, () => liar.closed.length > 0)
  equal(liar.closed[0]!.code, 'bad-data')
  equal(swarm.written.size, 0)
  swarm.add({ label: 'honest' })
  swarm.run(300)
  equal(state(swarm), 'complete')
})

test('a liar among the senders of one piece is named, the honest one is not', () => {
  // One piece of 32 blocks and one slot: both must share it.
  const swarm = createSwarm(layoutOf(512 * KIB, [512 * KIB]))
  const honest = swarm.add({ label: 'honest', depth: 8, blocksPerStep: 2 })
  const liar = swarm.add({ label: 'liar', depth: 8, blocksPerStep: 2, lies: (_, begin) => begin % 5 === 0 })
  swarm.run(400)
  equal(state(swarm), 'complete')
  deepEqual(
    liar.closed.map((reason) => reason.code),
    ['bad-data'],
  )
  deepEqual(
    honest.closed.map((reason) => reason.code),
    ['complete'],
  )
  equal(honest.wastedBytes + liar.wastedBytes >= 512 * KIB, true)
  equal(honest.verifiedBytes, 512 * KIB)
})

test('a full disk pauses with its message, keeps the pieces and goes on after a retry', () => {
  const layout = layoutOf(64 * KIB, [1_000_000])
  const swarm = createSwarm(layout)
  const { judge } = swarm
  const source = swarm.add({ label: 'a' })
  swarm.judge = () => ({ kind: 'failed', message: 'no space left' })
  swarm.run(20)
  equal(state(swarm), 'paused')
  equal(swarm.transfer.status().message, 'no space left')
  swarm.judge = judge
  swarm.transfer.resume()
  swarm.run(300)
  equal(state(swarm), 'complete')
  equal(source.verifiedBytes, layout.payloadBytes)
  equal(source.wastedBytes, 0)
})

test('only wanted pieces are asked for, and pieces that are had are not', () => {
  const layout = layoutOf(64 * KIB, [640 * KIB])
  const wanted = new Bitfield(10)
  for (const piece of [2, 3, 7]) wanted.set(piece)
  const have = new Bitfield(10)
  have.set(3)
  const swarm = createSwarm(layout, { wanted, have })
  const source = swarm.add({ label: 'a' })
  swarm.run(50)
  equal(state(swarm), 'complete')
  deepEqual([...new Set(source.asked.map(([piece]) => piece))].sort(), [2, 7])
  equal(swarm.transfer.status().wantedBytes, 3 * 64 * KIB)
})

test('pad bytes are neither asked for nor counted', () => {
  const layout = layoutOf(64 * KIB, [10_000, 70_000, 0, 5], true)
  const swarm = createSwarm(layout)
  const source = swarm.add({ label: 'a' })
  swarm.run(50)
  equal(state(swarm), 'complete')
  equal(source.verifiedBytes, 80_005)
  equal(swarm.transfer.status().receivedBytes, 80_005)
  equal(
    source.asked.reduce((sum, [, , length]) => sum + length, 0),
    80_005,
  )
})
