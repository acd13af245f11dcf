// Goal: whoever breaks a rule on the wire loses the connection under a code that says which, and gains nothing.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { ed25519 as curve } from '@noble/curves/ed25519.js'
import { decodeFrame, encodeFrame, type Frame, type OpenFrame, type TallyFrame } from './frames.ts'
import { decodeOpen, encodeOpen, type Open, SESSION_LIFE_S } from './open.ts'
import { BLOCK, createPair, ed25519, nowS, type Pair, type Party } from './pair.fixture.ts'
import { RUNS_MAX } from './runs.ts'
import { BILATERAL_SCOPE } from './scope.ts'
import { decodeTally, encodeTally, type Tally } from './tally.ts'

const MIB = 2 ** 20

/** Changes what a party says in frames of one type; the rest goes as it is. */
function twist<T extends Frame['type']>(
  party: Party,
  type: T,
  change: (frame: Extract<Frame, { type: T }>) => Frame | undefined,
): void {
  party.tamper = (bytes) => {
    const frame = decodeFrame(bytes)
    if (frame.type !== type) return bytes
    const changed = change(frame as Extract<Frame, { type: T }>)
    return changed && encodeFrame(changed)
  }
}

const resigned = (party: Party, frame: TallyFrame, change: Partial<Tally>): TallyFrame => {
  const tally = encodeTally({ ...decodeTally(frame.tally), ...change })
  return { ...frame, tally, signature: curve.sign(tally, party.key.seed) }
}
const reopened = (party: Party, frame: OpenFrame, change: Partial<Open>): OpenFrame => {
  const open = encodeOpen({ ...decodeOpen(frame.open), ...change })
  return { ...frame, open, signature: curve.sign(open, party.key.seed) }
}

const lies: Record<string, { code: string; lie: (bob: Party) => (frame: TallyFrame) => Frame }> = {
  'a tally above what was sent': {
    code: 'TALLY_TOO_HIGH',
    lie: (bob) => (frame) => resigned(bob, frame, { bytes: BigInt(MIB / 2 + 1) }),
  },
  'a tally above 2^63': {
    code: 'TALLY_TOO_HIGH',
    lie: (bob) => (frame) => resigned(bob, frame, { bytes: 2n ** 64n - 1n }),
  },
  'a tally for nothing': {
    code: 'TALLY_ROLLED_BACK',
    lie: (bob) => (frame) => resigned(bob, frame, { bytes: 0n }),
  },
  'blocks that were never sent': {
    code: 'BLOCKS_NOT_SENT',
    lie: () => (frame) => ({ ...frame, added: [{ start: 0, count: MIB / 2 / BLOCK + 1 }] }),
  },
  'a block twice': {
    code: 'RUNS_REPEATED',
    lie: () => (frame) => ({ ...frame, added: [...frame.added, { start: 0, count: 1 }] }),
  },
  'a digest of other blocks': {
    code: 'TALLY_BLOCKS',
    lie: (bob) => (frame) => resigned(bob, frame, { blocks: new Uint8Array(32) }),
  },
  'fewer runs than the digest has': { code: 'TALLY_BLOCKS', lie: () => (frame) => ({ ...frame, added: [] }) },
  'a signature of somebody else': {
    code: 'TALLY_SIGNATURE',
    lie: () => (frame) => ({ ...frame, signature: new Uint8Array(64) }),
  },
  'another sender (to credit an accomplice)': {
    code: 'TALLY_OF_OTHER_SESSION',
    lie: (bob) => (frame) => resigned(bob, frame, { senderKey: bob.key.publicKey }),
  },
  'another scope': {
    code: 'TALLY_OF_OTHER_SESSION',
    lie: (bob) => (frame) => resigned(bob, frame, { scope: BILATERAL_SCOPE }),
  },
  'another opening time': {
    code: 'TALLY_OF_OTHER_SESSION',
    lie: (bob) => (frame) => resigned(bob, frame, { openedS: nowS() + 9 }),
  },
  'more waste than was sent': {
    code: 'TALLY_TOO_HIGH',
    lie: () => (frame) => ({ ...frame, waste: BigInt(MIB) }),
  },
}

for (const [what, { code, lie }] of Object.entries(lies)) {
  test(`a receiver that signs ${what} is dropped: ${code}`, async () => {
    await using pair = await createPair()
    twist(pair.bob, 'tally', lie(pair.bob))
    await pair.begin()
    deepEqual(await pair.codes(), [`alice: ${code}`])
    equal(pair.alice.link.state.tallyInBytes, 0)
    equal(pair.alice.table.sessions()[0]?.newest, undefined)
  })
}

test('a rolled-back tally is refused, and the newest stays', async () => {
  await using pair = await createPair()
  await pair.begin()
  const first = pair.bob.sent.find(({ type }) => type === 'tally')!
  await pair.deliver(pair.alice, pair.bob, 2 * MIB, MIB / 2)
  await pair.settled()
  pair.inject(pair.bob, encodeFrame(first))
  deepEqual(await pair.codes(), ['alice: TALLY_ROLLED_BACK'])
  equal(pair.alice.table.sessions()[0]?.newest?.bytes, BigInt(2.5 * MIB))
})

test('a tally of an earlier connection of the same two peers is worth nothing on this one', async () => {
  await using before = await createPair()
  await before.begin()
  const old = before.bob.sent.find(({ type }) => type === 'tally')!
  await using pair = await createPair({
    alice: { swarmKey: before.alice.key },
    bob: { swarmKey: before.bob.key },
  })
  twist(pair.bob, 'tally', () => old)
  await pair.begin()
  deepEqual(await pair.codes(), ['alice: TALLY_OF_OTHER_SESSION'])
})

test('an Open of an earlier connection is not signed again', async () => {
  await using before = await createPair()
  await before.begin()
  const old = before.alice.sent.find(({ type }) => type === 'open')!
  await using pair = await createPair({
    alice: { swarmKey: before.alice.key },
    bob: { swarmKey: before.bob.key },
  })
  twist(pair.alice, 'open', () => old)
  await pair.begin()
  deepEqual(await pair.codes(), ['bob: OPEN_FIELDS'])
  equal(pair.bob.table.sessions().length, 0)
})

const opens: Record<string, { code: string; change: (pair: Pair) => Partial<Open> }> = {
  'opened too early': { code: 'OPEN_TIME', change: () => ({ openedS: nowS() - 302 }) },
  'opened too late': { code: 'OPEN_TIME', change: () => ({ openedS: nowS() + 302 }) },
  'in a scope we do not share': { code: 'OPEN_SCOPE', change: () => ({ scope: BILATERAL_SCOPE }) },
  'of another share': { code: 'OPEN_FIELDS', change: () => ({ share: BILATERAL_SCOPE as never }) },
  'of another connection': { code: 'OPEN_FIELDS', change: () => ({ transport: new Uint8Array(32) }) },
  'with another sender': { code: 'OPEN_FIELDS', change: ({ bob }) => ({ senderKey: bob.key.publicKey }) },
  'with another nonce': { code: 'OPEN_FIELDS', change: () => ({ receiverNonce: new Uint8Array(16) }) },
  'with a quote nobody accepted': {
    code: 'OPEN_QUOTE',
    change: () => ({ quote: new Uint8Array(32).fill(1) }),
  },
}
for (const [what, { code, change }] of Object.entries(opens)) {
  test(`an Open ${what} is not countersigned: ${code}`, async () => {
    await using pair = await createPair()
    twist(pair.alice, 'open', (frame) => reopened(pair.alice, frame, change(pair)))
    await pair.begin()
    deepEqual(await pair.codes(), [`bob: ${code}`])
    equal(
      pair.bob.sent.some(({ type }) => type === 'opened' || type === 'tally'),
      false,
    )
  })
}

test('an Open, or its countersignature, that is not signed by its key is refused', async () => {
  for (const [who, by] of [
    ['alice', 'bob'],
    ['bob', 'alice'],
  ] as const) {
    await using pair = await createPair()
    if (who === 'alice') twist(pair.alice, 'open', (frame) => ({ ...frame, signature: new Uint8Array(64) }))
    else twist(pair.bob, 'opened', (frame) => ({ ...frame, signature: new Uint8Array(64) }))
    await pair.begin()
    deepEqual(await pair.codes(), [`${by}: OPEN_SIGNATURE`])
  }
})

test('a second Open on a connection must be newer than the first', async () => {
  await using pair = await createPair()
  await pair.begin()
  pair.inject(pair.alice, encodeFrame(pair.alice.sent.find(({ type }) => type === 'open')!))
  deepEqual(await pair.codes(), ['bob: OPEN_REPLAYED'])
})

test('an oversize or malformed frame raises DecodeError for the carrier to drop the connection', async () => {
  await using pair = await createPair()
  pair.inject(pair.bob, new Uint8Array(5000).fill(2))
  pair.inject(pair.bob, Uint8Array.of(99))
  deepEqual(await pair.codes(), ['alice: FRAME_LENGTH', 'alice: FRAME_TYPE'])
})

test('a flood of frames ends the link before it costs anything', async () => {
  await using pair = await createPair()
  await pair.settled()
  for (let i = 0; i < 3000; i++) pair.inject(pair.alice, encodeFrame({ type: 'ask' }))
  deepEqual(await pair.codes(), ['bob: FRAME_FLOOD'])
})

test('a flood of tallies, each worth one byte more, ends the link', async () => {
  await using pair = await createPair()
  twist(pair.bob, 'tally', (frame) => {
    for (let bytes = 1n; bytes < 1000n; bytes++) {
      const added = bytes === 1n ? frame.added : []
      pair.inject(pair.bob, encodeFrame({ ...resigned(pair.bob, frame, { bytes }), added }))
    }
    return undefined
  })
  await pair.begin()
  deepEqual(await pair.codes(), ['alice: FRAME_FLOOD'])
})

test('a receiver that calls everything waste is choked', async () => {
  await using pair = await createPair({ bytes: 8 * MIB })
  let served = 0
  for (let round = 0; round < 8; round++) {
    while (pair.alice.link.maySend(BLOCK)) {
      pair.alice.link.sent(Math.floor(served / 262_144), served % 262_144, BLOCK, BLOCK)
      pair.bob.link.wasted(BLOCK)
      served += BLOCK
    }
    pair.bob.link.tick(0)
    await pair.settled()
  }
  ok(served <= 2 * MIB, `served ${served}`)
  deepEqual(pair.violations, [])
})

test('an accomplice cannot sign with a key that is not of this connection', async () => {
  await using pair = await createPair()
  const accomplice = await ed25519.generate()
  twist(pair.bob, 'tally', (frame) => ({ ...frame, signature: curve.sign(frame.tally, accomplice.seed) }))
  await pair.begin()
  deepEqual(await pair.codes(), ['alice: TALLY_SIGNATURE'])
})

test('a share delivered twice on one connection is worth its payload once, whatever the receiver signs', async () => {
  await using pair = await createPair({ bytes: MIB / 2 })
  await pair.deliver(pair.alice, pair.bob, MIB / 2)
  await pair.settled()
  await pair.deliver(pair.alice, pair.bob, MIB / 2)
  const first = pair.bob.sent.find((frame) => frame.type === 'tally')!
  pair.inject(
    pair.bob,
    encodeFrame({ ...resigned(pair.bob, first, { bytes: BigInt(MIB / 2 + 1) }), added: [] }),
  )
  deepEqual(await pair.codes(), ['alice: TALLY_TOO_HIGH'])
})

test('a sender takes no tally in a session that is more than a day old', async () => {
  let aheadMs = 0
  const clock = { nowMs: () => Date.now() + aheadMs, monotonicMs: () => performance.now() }
  await using pair = await createPair({ alice: { clock } })
  await pair.begin()
  aheadMs = (SESSION_LIFE_S + 10) * 1000
  await pair.deliver(pair.alice, pair.bob, MIB / 2, MIB / 2)
  await pair.bob.link.finish()
  deepEqual(await pair.codes(), ['alice: SESSION_TOO_OLD'])
})

test('offers come once a connection', async () => {
  await using pair = await createPair()
  await pair.settled()
  pair.bob.tamper = () => undefined
  for (let i = 0; i < 2; i++)
    pair.inject(pair.alice, encodeFrame({ type: 'offer', quote: new Uint8Array(3) }))
  deepEqual(await pair.codes(), ['bob: OFFER_REPEATED'])
})

test('a receiver that asks for every other block cannot make the record of what was sent grow for ever', async () => {
  await using pair = await createPair({ bytes: (RUNS_MAX + 2) * 2 * BLOCK })
  await pair.settled()
  for (let i = 0; i <= RUNS_MAX; i++) {
    const offset = 2 * i * BLOCK
    pair.alice.link.sent(Math.floor(offset / 262_144), offset % 262_144, BLOCK, BLOCK)
  }
  deepEqual(await pair.codes(), ['alice: TOO_MANY_RUNS'])
})
