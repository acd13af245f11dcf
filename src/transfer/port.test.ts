// Goal: a source can harm nothing by what it says when: only asked blocks have a place, and one writer each.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Bitfield } from './bitfield.ts'
import { createSwarm, layoutOf, type MemorySource } from './fixture.ts'

const PIECE = 65_536
const BLOCK = 16_384
const triples = new Int32Array(3 * 64)
/** Depth 0: picks only by hand. */
const byHand = { depth: 0 }

function pick(source: MemorySource, blocksMax: number): [piece: number, begin: number, length: number][] {
  const count = source.port.pick(triples, blocksMax)
  return Array.from({ length: count }, (_, i) => [triples[3 * i]!, triples[3 * i + 1]!, triples[3 * i + 2]!])
}

test('only what was asked of this source has a place', () => {
  const swarm = createSwarm(layoutOf(PIECE, [PIECE * 4]))
  const one = swarm.add({ label: 'one', ...byHand })
  const two = swarm.add({ label: 'two', ...byHand })
  const [block] = pick(one, 1)
  equal(two.port.place(...block!), -1)
  const number = fc.oneof(fc.integer(), fc.constantFrom(...block!, 2 ** 31, 2 ** 32 - 1, -1))
  fc.assert(
    fc.property(number, number, number, (piece, begin, length) => {
      const asked = piece === block![0] && begin === block![1] && length === block![2]
      if (!asked) equal(one.port.place(piece, begin, length), -1)
      two.port.received(piece, begin, length)
      two.port.release(piece, begin, length)
      two.port.have(piece)
    }),
  )
  ok(one.port.place(...block!) >= 0)
})

test('runs of one piece come in ascending order, within blocksMax and the room of `out`', () => {
  const swarm = createSwarm(layoutOf(PIECE, [PIECE * 4]))
  const source = swarm.add({ label: 'a', ...byHand })
  const blocks = pick(source, 7)
  equal(blocks.length, 7)
  deepEqual(
    blocks.slice(0, 4).map(([, begin]) => begin),
    [0, BLOCK, 2 * BLOCK, 3 * BLOCK],
  )
  equal(source.port.pick(new Int32Array(6), 60), 2)
})

test('a block that has begun to arrive from one source has no place for another', () => {
  const swarm = createSwarm(layoutOf(PIECE, [PIECE]))
  const slow = swarm.add({ label: 'slow', ...byHand })
  const fast = swarm.add({ label: 'fast', ...byHand })
  const blocks = pick(slow, 4)
  swarm.run(5) // more than a second: endgame
  deepEqual(pick(fast, 4), blocks)
  ok(slow.port.place(...blocks[0]!) >= 0)
  deepEqual(fast.cancelled, [blocks[0]])
  equal(fast.port.place(...blocks[0]!), -1)
  // And nobody is asked for it any more.
  deepEqual(pick(fast, 4), [])
})

test('received without a place is not believed', () => {
  const swarm = createSwarm(layoutOf(PIECE, [PIECE]))
  const source = swarm.add({ label: 'a', ...byHand })
  const [block] = pick(source, 1)
  source.port.received(...block!)
  equal(swarm.transfer.status().receivedBytes, 0)
})

test('a source that stops in the middle of a block is closed: its pen must not stay on the paper', () => {
  const swarm = createSwarm(layoutOf(PIECE, [PIECE * 4]))
  const source = swarm.add({ label: 'a', ...byHand })
  source.port.place(...pick(source, 1)[0]!)
  swarm.run(1_000, () => source.closed.length > 0)
  deepEqual(source.closed, [{ code: 'too-slow' }])
})

test('what one releases another is given, and after detach nothing is answered', () => {
  const swarm = createSwarm(layoutOf(PIECE, [PIECE]))
  const one = swarm.add({ label: 'one', ...byHand })
  const two = swarm.add({ label: 'two', ...byHand })
  const blocks = pick(one, 4)
  deepEqual(pick(two, 4), [])
  one.port.release(...blocks[2]!)
  deepEqual(pick(two, 4), [blocks[2]])
  one.port.releaseAll()
  deepEqual(pick(two, 1), [blocks[0]])
  one.port.detach()
  one.port.detach()
  one.port.setReady(true)
  deepEqual(pick(one, 4), [])
  equal(one.port.interesting, false)
  two.port.detach()
})

test('refusals without end are answered by a pause', () => {
  const swarm = createSwarm(layoutOf(PIECE, [PIECE * 8]))
  const source = swarm.add({ label: 'a', ...byHand })
  let rounds = 0
  for (let block = pick(source, 1)[0]; block !== undefined && rounds < 100; block = pick(source, 1)[0]) {
    source.port.release(...block)
    rounds++
  }
  equal(rounds, 8)
  swarm.run(5)
  equal(pick(source, 1).length, 1)
})

test('one request that is never answered among others that are is given to somebody else', () => {
  const pieces = 200
  const swarm = createSwarm(layoutOf(PIECE, [PIECE * pieces]))
  const source = swarm.add({ label: 'forgetful' })
  source.wake()
  const forgotten = source.queue.shift()!
  swarm.run(2_000, () => source.cancelled.length > 0)
  deepEqual(source.cancelled, [forgotten])
  ok(swarm.transfer.status().piecesVerified < pieces - 20, 'not only when nothing else is left')
})

test('a begin before the piece does not reach into another slot', () => {
  const swarm = createSwarm(layoutOf(PIECE, [PIECE * 2]))
  const source = swarm.add({ label: 'a', ...byHand })
  const pieces = new Set(pick(source, 8).map(([piece]) => piece))
  for (const piece of pieces) equal(source.port.place(piece, -BLOCK, BLOCK), -1)
})

test('interest follows what is missing and what the source has', () => {
  const swarm = createSwarm(layoutOf(PIECE, [PIECE * 2]))
  const source = swarm.add({ label: 'a', have: [], blocksPerStep: 64 })
  equal(source.port.interesting, false)
  source.port.have(1)
  equal(source.port.interesting, true)
  swarm.run(5)
  equal(swarm.written.size, 1)
  equal(source.port.interesting, false)
  source.port.setHave(Bitfield.full(2))
  equal(source.port.interesting, true)
})

test('a piece that several spoilt is fetched again from one sender only', () => {
  const swarm = createSwarm(layoutOf(PIECE, [PIECE]))
  const lies = (_piece: number, begin: number) => begin === 0
  const liar = swarm.add({ label: 'liar', ...byHand, lies })
  const a = swarm.add({ label: 'a', ...byHand })
  const b = swarm.add({ label: 'b', ...byHand })
  liar.queue.push(...pick(liar, 2))
  liar.step()
  liar.port.setReady(false)
  a.queue.push(...pick(a, 2))
  swarm.run(1)
  deepEqual(swarm.events.flatMap((event) => (event.type === 'piece-bad' ? event.senders : [])).sort(), [
    'a',
    'liar',
  ])
  // On parole: while `a` fills it, `b` may not help, not even in endgame; when `a` goes, it starts from nothing.
  const owed = pick(a, 4)
  a.queue.push(...owed.slice(0, 3))
  a.step()
  swarm.run(8)
  deepEqual(pick(b, 4), [])
  a.port.detach()
  b.queue.push(...pick(b, 4))
  equal(b.queue.length, 4)
  equal(a.wastedBytes, 2 * BLOCK + 3 * BLOCK)
  swarm.run(2)
  equal(swarm.transfer.status().state, 'complete')
  deepEqual(
    swarm.events.filter((event) => event.type === 'source-lied').map((event) => event.label),
    ['liar'],
  )
  equal(a.closed.length, 0)
})

test('one that asks no more does not keep a piece on parole to itself', () => {
  const swarm = createSwarm(layoutOf(PIECE, [PIECE]), { maxPriceWeiPerMib: 0n })
  const liar = swarm.add({ label: 'liar', ...byHand, lies: () => true })
  const a = swarm.add({ label: 'a', ...byHand })
  liar.queue.push(...pick(liar, 2))
  liar.step()
  liar.port.detach()
  a.queue.push(...pick(a, 2))
  swarm.run(1)
  a.queue.push(...pick(a, 1))
  swarm.run(1)
  a.port.setTerms({ priceWeiPerMib: 1n, reputation: 500 })
  const b = swarm.add({ label: 'b', ...byHand })
  deepEqual(pick(b, 4), [])
  swarm.run(40)
  equal(pick(b, 4).length, 4)
})
