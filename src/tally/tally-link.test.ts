// Goal: two links over one pipe leave tallies for what is delivered, and whoever breaks a rule loses the connection.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { createPair } from '../../test/support/tally-pair.ts'

const MIB = 2 ** 20

test('what is delivered is signed for, and both sides keep the newest tally', async () => {
  await using pair = await createPair({ bytes: 24 * MIB })
  await pair.deliver(pair.alice, pair.bob, 24 * MIB)
  equal(pair.alice.link.state.sentBytes, 24 * MIB)
  await pair.bob.link.finish()
  await pair.settled()
  deepEqual(pair.violations, [])
  equal(pair.alice.link.state.tallyInBytes, 24 * MIB)
  equal(pair.bob.link.state.tallyOutBytes, 24 * MIB)
  const [claim] = pair.alice.table.sessions()
  const [signed] = pair.bob.table.sessions()
  equal(claim?.newest?.bytes, BigInt(24 * MIB))
  deepEqual(claim.newest.tally, signed?.newest?.tally)
  deepEqual(claim.runs.runs(), [{ start: 0, count: (24 * MIB) / 16384 }])
  ok(pair.bob.sent.some(({ type }) => type === 'tally'))
})
