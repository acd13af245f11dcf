// Goal: whatever the sources do, each block is asked for once outside endgame, all arrive, and liars are named.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createSwarm, layoutOf, type MemorySource, type Script } from './fixture.ts'
import { ENDGAME_BLOCKS_MAX } from './picker.ts'

const PIECE = 65_536
const PIECES = 12
const LAYOUT = layoutOf(PIECE, [PIECE * PIECES - 30_000])

const temper = fc.record({
  blocksPerStep: fc.integer({ min: 1, max: 6 }),
  depth: fc.integer({ min: 1, max: 20 }),
  have: fc.option(fc.uniqueArray(fc.nat(PIECES - 1)), { nil: undefined }),
  priceWeiPerMib: fc.bigInt(0n, 3n),
  reputation: fc.integer({ min: 0, max: 1000 }),
})
const fate = fc.oneof(
  fc.record({ diesAfter: fc.integer({ min: 0, max: 12 }) }),
  fc.record({ silentAfter: fc.integer({ min: 0, max: 12 }) }),
  fc.constant({}),
)
const liar = fc.record({ every: fc.integer({ min: 1, max: 7 }) })

const scripts = (tempers: readonly object[], label: string): Script[] =>
  tempers.map((one, i) => {
    const { have, ...rest } = one as Script
    return { ...rest, ...(have === undefined ? {} : { have }), label: `${label} ${i}` }
  })

const honestSwarm = fc.array(
  fc.tuple(temper, fate).map(([one, end]) => ({ ...one, ...end })),
  { maxLength: 6 },
)
const slots = fc.integer({ min: 2, max: 14 })

test('every block arrives, and nobody is asked for what it lacks', () => {
  fc.assert(
    fc.property(honestSwarm, slots, fc.integer(), (tempers, slotCount, seed) => {
      const swarm = createSwarm(LAYOUT, { arenaBytesMax: slotCount * PIECE, seed })
      for (const script of [...scripts(tempers, 'mixed'), { label: 'steady' }]) swarm.add(script)
      swarm.run(4_000)
      const status = swarm.transfer.status()
      equal(status.state, 'complete')
      equal(swarm.written.size, PIECES)
      equal(status.verifiedBytes, LAYOUT.payloadBytes)
      equal(
        status.sources.reduce((sum, one) => sum + one.verifiedBytes, 0),
        LAYOUT.payloadBytes,
      )
      equal(
        status.sources.reduce((sum, one) => sum + one.badPieces, 0),
        0,
      )
      for (const { script, asked } of swarm.sources) {
        for (const [piece] of asked) ok(script.have === undefined || script.have.includes(piece))
      }
    }),
    { numRuns: 60 },
  )
})

test('no block is owed by two sources outside endgame, by three never', () => {
  fc.assert(
    fc.property(honestSwarm, slots, fc.integer(), (tempers, slotCount, seed) => {
      const swarm = createSwarm(LAYOUT, { arenaBytesMax: slotCount * PIECE, seed })
      for (const script of [...scripts(tempers, 'mixed'), { label: 'steady' }]) swarm.add(script)
      swarm.run(4_000, () => {
        const owed = new Map<string, number>()
        for (const [piece, begin] of swarm.sources.flatMap(({ queue }) => queue)) {
          owed.set(`${piece}:${begin}`, (owed.get(`${piece}:${begin}`) ?? 0) + 1)
        }
        const status = swarm.transfer.status()
        const begun = status.piecesVerified + status.piecesUnderWay
        for (const count of owed.values()) ok(count === 1 || (count === 2 && begun === PIECES))
        return status.state === 'complete'
      })
    }),
    { numRuns: 40 },
  )
})

test('liars of any frequency are named, honest sources never, and nothing false is written', () => {
  fc.assert(
    fc.property(
      fc.array(liar, { minLength: 1, maxLength: 3 }),
      slots,
      fc.integer(),
      (liars, slotCount, seed) => {
        const swarm = createSwarm(LAYOUT, { arenaBytesMax: slotCount * PIECE, seed })
        const lying = liars.map(({ every }, i) =>
          swarm.add({
            label: `liar ${i}`,
            lies: (piece, begin) => (piece * 4 + begin / 16_384) % every === 0,
          }),
        )
        for (const label of ['a', 'b']) swarm.add({ label })
        swarm.run(4_000)
        equal(swarm.transfer.status().state, 'complete')
        const named = new Set(
          swarm.events.filter((event) => event.type === 'source-lied').map((event) => event.label),
        )
        for (const label of ['a', 'b']) ok(!named.has(label))
        const bad = swarm.events.filter((event) => event.type === 'piece-bad')
        for (const { senders } of bad) ok(senders.some((label) => named.has(label)))
        // A piece costs at most one mixed try and one for each liar alone.
        ok(bad.length <= PIECES * (1 + lying.length))
        for (const source of lying) if (named.has(source.label)) equal(source.closed[0]!.code, 'bad-data')
      },
    ),
    { numRuns: 40 },
  )
})

test('the same seed gives the same run', () => {
  const run = () => {
    const swarm = createSwarm(LAYOUT, { seed: 42 })
    for (const label of ['a', 'b', 'c']) swarm.add({ label, depth: 5 })
    swarm.run(500)
    return swarm.sources.map(({ asked }) => asked)
  }
  deepEqual(run(), run())
})

const bytesBy = (sources: readonly MemorySource[]) => sources.map(({ verifiedBytes }) => verifiedBytes)

test('slots short: the cheaper source gets all it can carry, the dearer one the rest', () => {
  const swarm = createSwarm(LAYOUT, { arenaBytesMax: 2 * PIECE })
  const dear = swarm.add({ label: 'dear', priceWeiPerMib: 5n, depth: 16, blocksPerStep: 16 })
  const cheap = swarm.add({ label: 'cheap', depth: 16, blocksPerStep: 16 })
  swarm.run(500)
  const [dearBytes, cheapBytes] = bytesBy([dear, cheap])
  ok(cheapBytes! >= 2 * dearBytes!, `${cheapBytes} and ${dearBytes}`)
})

test('a dearer source is refused a piece that a cheaper one waits for, and not for ever', () => {
  // Depth 0: both pick only when told to here.
  const swarm = createSwarm(LAYOUT, { arenaBytesMax: 2 * PIECE })
  const cheap = swarm.add({ label: 'cheap', depth: 0, blocksPerStep: 64 })
  const dear = swarm.add({ label: 'dear', depth: 0, priceWeiPerMib: 1n })
  const other = swarm.add({ label: 'other', depth: 0, reputation: 449 })
  const triples = new Int32Array(3 * 64)
  // Two slots of four blocks: the cheap one is answered short. It delivers, has room, and is waited for.
  equal(cheap.port.pick(triples, 60), 8)
  for (let i = 0; i < 8; i++) cheap.queue.push([triples[3 * i]!, triples[3 * i + 1]!, triples[3 * i + 2]!])
  swarm.run(1)
  equal(swarm.written.size, 2)
  for (const worse of [dear, other]) equal(worse.port.pick(triples, 4), 0)
  swarm.run(10) // 2.5 s
  equal(dear.port.pick(triples, 4), 4)
  equal(other.port.pick(triples, 4), 4)
})

test('a cheaper source that has much to do is not waited for, however much it asks', () => {
  const swarm = createSwarm(LAYOUT)
  const cheap = swarm.add({ label: 'cheap', depth: 0, have: [0, 1] })
  const dear = swarm.add({ label: 'dear', depth: 0, have: [2], priceWeiPerMib: 1n })
  const triples = new Int32Array(3 * 64)
  equal(cheap.port.pick(triples, 60), 8)
  cheap.port.have(2)
  equal(dear.port.pick(triples, 4), 4)
})

test('a source above the price limit is asked for nothing and is not interesting', () => {
  const swarm = createSwarm(LAYOUT, { maxPriceWeiPerMib: 3n })
  const dear = swarm.add({ label: 'dear', priceWeiPerMib: 4n })
  swarm.run(20)
  equal(dear.asked.length, 0)
  equal(dear.port.interesting, false)
  dear.port.setTerms({ priceWeiPerMib: 3n, reputation: 500 })
  equal(dear.port.interesting, true)
  swarm.run(200)
  equal(swarm.transfer.status().state, 'complete')
})

test('endgame: one source owes a bounded number of blocks', () => {
  const swarm = createSwarm(layoutOf(PIECE, [PIECE * 20]))
  const triples = new Int32Array(3 * 128)
  const slow = swarm.add({ label: 'slow', depth: 0 })
  const fast = swarm.add({ label: 'fast', depth: 0 })
  equal(slow.port.pick(triples, 128), 80)
  swarm.run(5)
  equal(fast.port.pick(triples, 128), ENDGAME_BLOCKS_MAX)
  equal(fast.port.pick(triples, 128), 0)
})

test('endgame: the blocks of a slow source are asked of another too, boundedly, and the loser is let off', () => {
  const swarm = createSwarm(layoutOf(PIECE, [PIECE * 3]))
  const slow = swarm.add({ label: 'slow', depth: 12, silentAfter: 0 })
  slow.wake()
  equal(slow.queue.length, 12)
  const fast = swarm.add({ label: 'fast', depth: 64 })
  fast.wake()
  equal(fast.queue.length, 0, 'nothing is asked twice at once')
  swarm.run(40)
  equal(swarm.transfer.status().state, 'complete')
  ok(fast.asked.length <= ENDGAME_BLOCKS_MAX)
  equal(slow.cancelled.length, 12)
  equal(fast.verifiedBytes, PIECE * 3)
})
