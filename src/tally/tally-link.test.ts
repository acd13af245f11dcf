// Goal: two links over one pipe leave tallies for what is delivered, within the window, for strangers and buyers too.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../base/io/system.ts'
import { Layout } from '../content/layout.ts'
import { encodeFrame } from './frames.ts'
import { CredentialCache } from './handshake.ts'
import { decodeOpen, SESSION_LIFE_S } from './open.ts'
import {
  BLOCK,
  createPair,
  ed25519,
  nowS,
  oneFileShare,
  type Pair,
  type Party,
  PIECE_BYTES,
  pour,
} from './pair.fixture.ts'
import { reportOf } from './report.ts'
import { verifyReport } from './verify.ts'

const MIB = 2 ** 20

async function verdictOf(pair: Pair, party: Party) {
  const stored = party.table.sessions().at(-1)!
  return verifyReport(reportOf(stored, { withRuns: true })!, {
    scope: pair.authority.scope,
    authorityKey: pair.authority.key.publicKey,
    payloadBytesOf: () => pair.share.layout.payloadBytes,
    nowS: nowS(),
    ed25519,
    credentials: new CredentialCache(ed25519),
  })
}

test('what is delivered is signed for; both sides keep the newest tally and it verifies', async () => {
  await using pair = await createPair({ bytes: 24 * MIB })
  await pair.deliver(pair.alice, pair.bob, 24 * MIB)
  await pair.bob.link.finish()
  await pair.settled()
  deepEqual(pair.violations, [])
  deepEqual(pair.alice.link.state, {
    peerSpeaksTallies: true,
    sentBytes: 24 * MIB,
    tallyInBytes: 24 * MIB,
    tallyOutBytes: 0,
    paidInWei: 0n,
    paidOutWei: 0n,
  })
  equal(pair.bob.link.state.tallyOutBytes, 24 * MIB)
  const [claim] = pair.alice.table.sessions()
  deepEqual(claim?.newest?.tally, pair.bob.table.sessions()[0]?.newest?.tally)
  deepEqual(claim?.runs.runs(), [{ start: 0, count: (24 * MIB) / BLOCK }])
  equal((await verdictOf(pair, pair.alice)).ok, true)
  equal((await verdictOf(pair, pair.bob)).ok, true)
})

test('both directions have a session of their own', async () => {
  await using pair = await createPair({ bytes: 8 * MIB })
  await Promise.all([
    pair.deliver(pair.alice, pair.bob, 4 * MIB),
    pair.deliver(pair.bob, pair.alice, 4 * MIB, 4 * MIB),
  ])
  await Promise.all([pair.alice.link.finish(), pair.bob.link.finish()])
  await pair.settled()
  deepEqual(pair.violations, [])
  for (const { link, table } of [pair.alice, pair.bob]) {
    equal(link.state.tallyInBytes, 4 * MIB)
    equal(link.state.tallyOutBytes, 4 * MIB)
    deepEqual(
      table
        .sessions()
        .map(({ role }) => role)
        .sort(),
      ['receiver', 'sender'],
    )
  }
})

test('a sender goes one window ahead, even before the Open is countersigned, then stops', async () => {
  await using pair = await createPair({ bytes: 64 * MIB })
  await pair.settled()
  pair.bob.tamper = () => undefined
  equal(pour(pair.alice, 64 * MIB), MIB)
  await pair.settled()
  equal(pair.alice.link.maySend(BLOCK), false)
  equal(pair.alice.link.state.tallyInBytes, 0)
})

test('a window is two units where pieces are large', async () => {
  await using pair = await createPair({ bytes: 64 * MIB, settings: { unitBytes: 8 * MIB } })
  await pair.settled()
  equal(pour(pair.alice, 64 * MIB), 16 * MIB)
})

test('a blocked sender asks, and the receiver signs for less than half a window', async () => {
  await using pair = await createPair()
  await pair.settled()
  pour(pair.alice, MIB)
  await pair.settled()
  pair.bob.link.verified(0, 0, PIECE_BYTES, PIECE_BYTES)
  await pair.settled()
  equal(pair.alice.link.state.tallyInBytes, 0)
  equal(pair.alice.link.maySend(BLOCK), false)
  await pair.settled()
  ok(pair.alice.sent.some(({ type }) => type === 'ask'))
  equal(pair.alice.link.state.tallyInBytes, PIECE_BYTES)
  equal(pair.alice.link.maySend(BLOCK), true)
})

test('an idle connection is signed for at the tick', async () => {
  await using pair = await createPair()
  await pair.deliver(pair.alice, pair.bob, PIECE_BYTES)
  await pair.settled()
  equal(pair.bob.link.state.tallyOutBytes, 0)
  pair.bob.link.tick(Date.now())
  await pair.settled()
  equal(pair.alice.link.state.tallyInBytes, PIECE_BYTES)
})

test('a sender that says goodbye gets the rest signed', async () => {
  await using pair = await createPair()
  await pair.deliver(pair.alice, pair.bob, PIECE_BYTES)
  await pair.alice.link.finish()
  await pair.settled()
  equal(pair.alice.link.state.tallyInBytes, PIECE_BYTES)
})

test('padding is not counted: the tally is the payload, and more is refused', async () => {
  const files = [
    { index: 0, path: 'a', length: 20_000, offset: 0 },
    { index: 1, path: 'b', length: 50_000, offset: PIECE_BYTES },
  ]
  const layout = new Layout({ pieceLength: PIECE_BYTES, files, totalLength: PIECE_BYTES + 50_000 })
  await using pair = await createPair({ share: { ...oneFileShare(1), version: 'hybrid', layout } })
  await pair.deliver(pair.alice, pair.bob, PIECE_BYTES + 50_000)
  await pair.bob.link.finish()
  await pair.settled()
  deepEqual(pair.violations, [])
  equal(pair.alice.link.state.tallyInBytes, 70_000)
  const [claim] = pair.alice.table.sessions()
  deepEqual(claim?.runs.runs(), [{ start: 0, count: 2 + 4 }])
  const verdict = await verifyReport(reportOf(claim!, { withRuns: false })!, {
    scope: pair.authority.scope,
    authorityKey: pair.authority.key.publicKey,
    payloadBytesOf: () => 69_999,
    ed25519,
    credentials: new CredentialCache(ed25519),
  })
  deepEqual(verdict, { ok: false, reason: 'more-than-payload' })
})

test('what a share is worth is signed for once a session, even if it is delivered twice', async () => {
  await using pair = await createPair({ bytes: MIB / 2 })
  await pair.deliver(pair.alice, pair.bob, MIB / 2)
  await pair.deliver(pair.alice, pair.bob, MIB / 2)
  await pair.bob.link.finish()
  await pair.settled()
  deepEqual(pair.violations, [])
  equal(pair.bob.link.state.tallyOutBytes, MIB / 2)
})

test('more runs than a frame holds travel in RUNS frames', async () => {
  const count = 700
  const files = Array.from({ length: count }, (_, index) => ({
    index,
    path: `${index}`,
    length: 100,
    offset: index * BLOCK,
  }))
  const layout = new Layout({ pieceLength: BLOCK, files, totalLength: count * BLOCK })
  await using pair = await createPair({ share: { ...oneFileShare(1), layout } })
  await pair.settled()
  pair.alice.link.maySend(100)
  await pair.settled()
  for (let i = 0; i < count; i += 2) pair.alice.link.sent(i, 0, 100, 100)
  for (let i = 0; i < count; i += 2) pair.bob.link.verified(i, 0, 100, 100)
  await pair.bob.link.finish()
  await pair.settled()
  deepEqual(pair.violations, [])
  ok(pair.bob.sent.some(({ type }) => type === 'runs'))
  equal(pair.alice.link.state.tallyInBytes, (count / 2) * 100)
  equal(pair.alice.table.sessions()[0]?.runs.runCount, count / 2)
  equal((await verdictOf(pair, pair.alice)).ok, true)
})

test('strangers get what the operator sets', async () => {
  const bobHello = () => undefined
  await using refused = await createPair({ bobHello, settings: { strangers: 'refuse' } })
  await refused.settled()
  equal(refused.alice.link.maySend(BLOCK), false)
  await using served = await createPair({ bobHello, settings: { strangers: 'serve' } })
  await served.settled()
  equal(pour(served.alice, 3 * MIB), 3 * MIB)
  equal(served.alice.link.state.peerSpeaksTallies, false)
  await using slotted = await createPair({ bobHello, settings: { strangers: { slots: 0 } } })
  await slotted.settled()
  equal(slotted.alice.link.maySend(BLOCK), false)
  await using free = await createPair({ bobHello, settings: { strangers: { slots: 1 } } })
  await free.settled()
  equal(free.alice.link.maySend(BLOCK), true)
})

test('a HELLO after a whole window of payload comes too late: the peer stays a stranger', async () => {
  await using pair = await createPair({
    bytes: 32 * MIB,
    bobHello: () => undefined,
    settings: { strangers: 'serve' },
  })
  await pair.settled()
  pour(pair.alice, 17 * MIB)
  pair.inject(pair.bob, encodedHello(pair))
  await pair.settled()
  equal(pair.alice.link.state.peerSpeaksTallies, false)
  deepEqual(pair.violations, [])
})

test('a HELLO soon after the first payload still counts what was sent before it', async () => {
  await using pair = await createPair({ bobHello: () => undefined, settings: { strangers: 'serve' } })
  await pair.settled()
  equal(pour(pair.alice, PIECE_BYTES), PIECE_BYTES)
  pair.bob.link.verified(0, 0, PIECE_BYTES, PIECE_BYTES)
  pair.bob.tamper = (frame) => frame
  pair.inject(pair.bob, encodedHello(pair))
  await pair.settled()
  equal(pair.alice.link.maySend(BLOCK), true)
  await pair.settled()
  await pair.bob.link.finish()
  await pair.settled()
  deepEqual(pair.violations, [])
  equal(pair.alice.link.state.tallyInBytes, PIECE_BYTES)
})

test('two peers without a tracker may leave evidence between them, if both want to', async () => {
  const memberships = () => []
  await using pair = await createPair({
    settings: { bilateral: true },
    alice: { memberships },
    bob: { memberships },
  })
  await pair.deliver(pair.alice, pair.bob, MIB)
  await pair.bob.link.finish()
  await pair.settled()
  equal(pair.alice.link.state.tallyInBytes, MIB)
  equal(pair.alice.table.sessions()[0]?.senderCredential, undefined)
})

test('a session of nearly a day is followed by a new one, and nothing is lost between them', async () => {
  let aheadMs = 0
  const clock = { nowMs: () => Date.now() + aheadMs, monotonicMs: systemClock.monotonicMs }
  await using pair = await createPair({ bytes: 4 * MIB, alice: { clock }, bob: { clock } })
  await pair.deliver(pair.alice, pair.bob, MIB + PIECE_BYTES)
  await pair.settled()
  aheadMs = (SESSION_LIFE_S - 300) * 1000
  pair.alice.link.tick(clock.nowMs())
  await pair.settled()
  await pair.deliver(pair.alice, pair.bob, MIB, MIB + PIECE_BYTES)
  await pair.bob.link.finish()
  await pair.settled()
  deepEqual(pair.violations, [])
  const claims = pair.alice.table.sessions()
  deepEqual(
    claims.map(({ newest }) => newest?.bytes),
    [BigInt(MIB + PIECE_BYTES), BigInt(MIB)],
  )
  ok(decodeOpen(claims[1]!.open).openedS > decodeOpen(claims[0]!.open).openedS)
  equal(pair.alice.link.state.tallyInBytes, 2 * MIB + PIECE_BYTES)
})

test('after a day a receiver signs no more', async () => {
  let aheadMs = 0
  const clock = { nowMs: () => Date.now() + aheadMs, monotonicMs: systemClock.monotonicMs }
  await using pair = await createPair({ bytes: 4 * MIB, bob: { clock } })
  await pair.deliver(pair.alice, pair.bob, MIB / 2)
  await pair.settled()
  aheadMs = (SESSION_LIFE_S + 1) * 1000
  await pair.deliver(pair.alice, pair.bob, MIB / 2, MIB / 2)
  await pair.bob.link.finish()
  equal(pair.bob.link.state.tallyOutBytes, MIB / 2)
})

test('finish resolves when the link has failed, and close is idempotent', async () => {
  await using pair = await createPair()
  await pair.settled()
  pair.inject(pair.alice, Uint8Array.of(5, ...new Uint8Array(64)))
  await pair.settled()
  equal(pair.violations[0]?.code, 'OPENED_UNASKED')
  await pair.bob.link.finish()
  pair.bob.link.close()
  pair.bob.link.close()
  equal(pair.bob.link.maySend(1), false)
})

/** Bob's own HELLO, which the pipe held back. */
function encodedHello(pair: Pair): Uint8Array {
  const [hello] = pair.bob.sent
  return encodeFrame(hello!)
}

test('a tally that came just before the connection closed still counts', async () => {
  const slow: typeof ed25519 = {
    ...ed25519,
    verify: async (...about) => {
      await new Promise((resolve) => setTimeout(resolve, 40))
      return ed25519.verify(...about)
    },
  }
  await using pair = await createPair({ alice: { ed25519: slow } })
  await pair.begin()
  await pair.deliver(pair.alice, pair.bob, MIB / 4, MIB / 2)
  await pair.bob.link.finish()
  await new Promise((resolve) => setTimeout(resolve, 10)) // the frame is there, its signature not yet looked at
  pair.alice.link.close()
  await new Promise((resolve) => setTimeout(resolve, 200))
  equal(pair.alice.link.state.tallyInBytes, (MIB * 3) / 4)
})
