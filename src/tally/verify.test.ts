// Goal: only honest reports are good; every attack on a report that the design names is refused.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, toHex } from '../base/bytes.ts'
import { infoHashV1, infoHashV2, type ShareId } from '../base/ids.ts'
import { closeMessage } from './close.ts'
import { ed25519, nowS } from './pair.fixture.ts'
import { bls, createMembers, MIB, PAYLOAD, share } from './report.fixture.ts'
import type { Report } from './report.ts'
import { BILATERAL_SCOPE } from './scope.ts'
import { shareIdOf } from './share-id.ts'
import { REPORT_LIFE_S, type VerifyContext, verifyReport, verifyReports } from './verify.ts'

const { context, alice, bob, report } = await createMembers()

const reasonOf = async (of: Report, change: Partial<VerifyContext> = {}) => {
  const verdict = await verifyReport(of, { ...context, ...change })
  return verdict.ok ? 'ok' : verdict.reason
}

test('an honest report is good, and says whose it is', async () => {
  const verdict = await verifyReport(await report(MIB), context)
  ok(verdict.ok)
  equal(verdict.sender?.id, 'alice')
  equal(verdict.receiver?.id, 'bob')
})

const zeros = (length: number) => new Uint8Array(length)
const refusals: Record<string, [reason: string, make: () => Promise<Report> | Report]> = {
  'a short tally': ['malformed', async () => ({ ...(await report(1)), tally: zeros(223) })],
  'a tally with another tag': ['malformed', async () => ({ ...(await report(1)), tally: zeros(224) })],
  'another scope (a receipt for another tracker)': [
    'wrong-scope',
    () => report(1, { open: { scope: BILATERAL_SCOPE } }),
  ],
  'a share nobody registered': ['share-unknown', () => report(1, { open: { share: zeros(32) as ShareId } })],
  'no credential': [
    'credential-missing',
    async () => {
      const { senderCredential: _, ...rest } = await report(1)
      return rest
    },
  ],
  'a credential of somebody else': [
    'sender-credential',
    async () => ({ ...(await report(1)), senderCredential: bob.credential }),
  ],
  'a credential that is garbage': [
    'receiver-credential',
    async () => ({ ...(await report(1)), receiverCredential: { document: zeros(3), signature: zeros(64) } }),
  ],
  'a credential signed by nobody': [
    'receiver-credential',
    async () => ({
      ...(await report(1)),
      receiverCredential: { document: bob.credential.document, signature: zeros(64) },
    }),
  ],
  'opened before the credentials began': [
    'sender-credential',
    () => report(1, { open: { openedS: nowS() - 5000 } }),
  ],
  'a key that deals with itself': ['same-account', () => report(1, { sender: bob, receiver: bob })],
  'fields that are not those of the Open': [
    'session-mismatch',
    () => report(1, { tally: { openedS: nowS() + 6 } }),
  ],
  'a session that is not the Open': ['session-mismatch', () => report(1, { tally: { session: zeros(32) } })],
  'an Open the sender did not sign': [
    'sender-open-signature',
    async () => ({ ...(await report(1)), senderSignature: zeros(64) }),
  ],
  'an Open the receiver did not sign (slander)': [
    'receiver-open-signature',
    async () => ({ ...(await report(1)), receiverSignature: (await report(1)).senderSignature }),
  ],
  'no bytes': ['no-bytes', () => report(0)],
  'more than the payload': ['more-than-payload', () => report(PAYLOAD + 1)],
  'runs that are not the tally’s': ['runs-mismatch', async () => ({ ...(await report(1)), runs: zeros(0) })],
  'runs that are not canonical': ['malformed', async () => ({ ...(await report(1)), runs: zeros(8) })],
  'a tally the receiver did not sign (slander)': [
    'tally-signature',
    async () => {
      const honest = await report(1)
      return { ...honest, tallySignature: await ed25519.sign(alice.key, honest.tally) }
    },
  ],
}
for (const [what, [reason, make]] of Object.entries(refusals)) {
  test(`${what} is refused: ${reason}`, async () => equal(await reasonOf(await make()), reason))
}

test('time: not from the future, not after eight days', async () => {
  const honest = await report(1)
  equal(await reasonOf(honest, { nowS: nowS() + 5 - 301 }), 'opened-in-future')
  equal(await reasonOf(honest, { nowS: nowS() + REPORT_LIFE_S - 60 }), 'ok')
  equal(await reasonOf(honest, { nowS: nowS() + REPORT_LIFE_S + 60 }), 'report-too-late')
})

test('accounts: unknown, the same, or without proof of possession', async () => {
  const honest = await report(1)
  equal(await reasonOf(honest, { accountOf: () => undefined }), 'account-unknown')
  const one = { id: 'x', identity: zeros(48), possessionProven: true }
  equal(await reasonOf(honest, { accountOf: () => one }), 'same-account')
  const accountOf = (key: Uint8Array) => ({ ...one, id: toHex(key), possessionProven: false })
  equal(await reasonOf(honest, { accountOf }), 'possession-unproven')
})

test('a key of small order is refused even where everything else would hold', async () => {
  const weak = { ...alice, key: { ...alice.key, publicKey: fromHex(`01${'00'.repeat(31)}`) } }
  const forged = await report(1, { sender: weak })
  equal(await reasonOf(forged), 'sender-credential')
  const { authorityKey: _, accountOf: __, ...rest } = context
  const bilateral = await report(1, { sender: weak, open: { scope: BILATERAL_SCOPE } })
  const verdict = await verifyReport(bilateral, { ...rest, scope: BILATERAL_SCOPE })
  deepEqual(verdict, { ok: false, reason: 'weak-key' })
})

test('a key that deals with itself is refused in bilateral scope too', async () => {
  const { authorityKey: _, accountOf: __, ...rest } = context
  const own = await report(1, { sender: bob, open: { scope: BILATERAL_SCOPE } })
  const verdict = await verifyReport(own, { ...rest, scope: BILATERAL_SCOPE })
  deepEqual(verdict, { ok: false, reason: 'same-account' })
})

test('a scope with members is never judged without its authority', async () => {
  const { authorityKey: _, ...rest } = context
  deepEqual(await verifyReport(await report(1), rest), { ok: false, reason: 'credential-missing' })
})

test('a bad Close voids only itself, wherever it stands in the batch', async () => {
  const reports: Report[] = []
  for (let i = 0; i < 7; i++) {
    const honest = await report(MIB, { connection: i })
    const { publicKey: identity } = bob.identity
    const signature = await bls.sign(bob.identity, closeMessage(identity, honest.tally))
    reports.push({ ...honest, close: { identity, signature } })
  }
  reports[2] = { ...reports[2]!, close: { ...reports[2]!.close!, signature: reports[3]!.close!.signature } }
  reports[4] = { ...reports[4]!, close: { ...reports[4]!.close!, identity: alice.identity.publicKey } }
  reports[5] = { ...reports[5]!, close: { identity: zeros(48).fill(1), signature: zeros(2) } }
  reports[6] = { ...reports[6]!, tallySignature: zeros(64) }
  const judged = await verifyReports(reports, context, bls)
  deepEqual(
    judged.map(({ close }) => close),
    ['good', 'good', 'bad', 'good', 'wrong-identity', 'bad', 'not-judged'],
  )
  deepEqual(
    judged.map(({ verdict }) => verdict.ok),
    [true, true, true, true, true, true, false],
  )
})

test('slander: a sender cannot make evidence against a receiver that did not sign', async () => {
  const { runs: _, ...honest } = await report(MIB, { tally: { blocks: zeros(32) } })
  const forged = { ...honest, tallySignature: await ed25519.sign(alice.key, honest.tally) }
  equal((await verifyReport(forged, context)).ok, false)
})

test('two names for one share: the v1 hash of a hybrid share opens no second account of debits', async () => {
  const v2 = { infoHashV2: infoHashV2(new Uint8Array(32).fill(7)) }
  const v1 = { infoHashV1: infoHashV1(new Uint8Array(20).fill(1)) }
  deepEqual(shareIdOf({ ...v1, ...v2 }), share)
  equal(await reasonOf(await report(1, { open: { share: shareIdOf(v1) } })), 'share-unknown')
})
