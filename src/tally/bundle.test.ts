// Goal: a bundle survives its JSON, verifies offline with a verdict per report, and hostile JSON fails in a named way.
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { before, test } from 'node:test'
import fc from 'fast-check'
import { DecodeError } from '../base/errors.ts'
import { createNativeBls } from '../crypto/io/bls.ts'
import { BUNDLE_CHARS_MAX, type Bundle, formatBundle, parseBundle } from './bundle.ts'
import { closeMessage } from './close.ts'
import { createPair, ed25519, type Pair } from './pair.fixture.ts'
import { type Report, reportOf } from './report.ts'
import { shareIdOf } from './share-id.ts'
import { verifyBundle } from './verify-bundle.ts'

const bls = createNativeBls()
const MIB = 2 ** 20
let bundle: Bundle
let report: Report

before(async () => {
  await using pair: Pair = await createPair({ bytes: 4 * MIB })
  await pair.deliver(pair.alice, pair.bob, 2 * MIB)
  await pair.bob.link.finish()
  await pair.settled()
  report = reportOf(pair.alice.table.sessions()[0]!, { withRuns: true })!
  const identity = bls.generate()
  const signature = await bls.sign(identity, closeMessage(identity.publicKey, report.tally))
  report = { ...report, close: { identity: identity.publicKey, signature } }
  const { publicKey: key } = pair.authority.key
  bundle = {
    scopes: [
      { scope: { kind: 'tracker', key }, authorityKey: key },
      { scope: { kind: 'none' } },
      {
        scope: {
          kind: 'registry',
          chainId: 98765n,
          genesis: new Uint8Array(32),
          address: new Uint8Array(20),
        },
        authorityKey: key,
      },
    ],
    shares: [{ share: shareIdOf(pair.share), payloadBytes: 4 * MIB, name: 'a "file"' }],
    reports: [report],
  }
})

test('a bundle survives its JSON and verifies', async () => {
  const read = parseBundle(formatBundle(bundle))
  deepEqual(read, bundle)
  const result = await verifyBundle(read, { ed25519, bls })
  ok(result.ok)
  equal(result.bytes, BigInt(2 * MIB))
  equal(result.verdicts[0]?.close, 'good')
  equal(result.verdicts[0]?.scope, 'tracker')
})

test('each report has its own verdict; a session counts once', async () => {
  const bad = { ...report, tallySignature: new Uint8Array(64) }
  const badClose = { ...report, close: { ...report.close!, signature: new Uint8Array(96) } }
  const result = await verifyBundle({ ...bundle, reports: [badClose, bad, report] }, { ed25519, bls })
  equal(result.ok, false)
  deepEqual(
    result.verdicts.map(({ ok, reason, close }) => [ok, reason, close]),
    [
      [true, undefined, 'bad'],
      [false, 'tally-signature', 'not-judged'],
      [false, 'session-repeated', 'good'],
    ],
  )
  equal(result.bytes, BigInt(2 * MIB))
})

test('scopes and payloads that the bundle does not describe are not believed', async () => {
  const nowhere = await verifyBundle({ ...bundle, scopes: [] }, { ed25519, bls })
  equal(nowhere.verdicts[0]?.reason, 'scope-unknown')
  const unknown = await verifyBundle({ ...bundle, shares: [] }, { ed25519, bls })
  equal(unknown.verdicts[0]?.reason, 'share-unknown')
  const known = await verifyBundle(bundle, { ed25519, bls, payloadBytesOf: () => MIB })
  equal(known.verdicts[0]?.reason, 'more-than-payload')
})

test('malformed bundles raise DecodeError with a code', () => {
  const text = formatBundle(bundle)
  const cases: [code: string, text: string][] = [
    ['BUNDLE_JSON', text.slice(1)],
    ['BUNDLE_FIELD', '{}'],
    ['BUNDLE_FIELD', 'null'],
    ['BUNDLE_FIELD', text.replace('"version":1', '"version":2')],
    ['BUNDLE_FIELD', text.replace('"version":1', '"version":1,"extra":1')],
    ['BUNDLE_FIELD', text.replace('"open":"', '"open":"00')],
    ['BUNDLE_FIELD', text.replace('"open":"5', '"open":"G')],
    ['BUNDLE_FIELD', text.replace('"payloadBytes":', '"payloadBytes":-')],
    ['BUNDLE_FIELD', text.replace('"98765"', '"-1"')],
    ['SCOPE_FIELD', text.replace('"98765"', `"${2n ** 256n}"`)],
    ['BUNDLE_SIZE', ' '.repeat(BUNDLE_CHARS_MAX + 1)],
  ]
  for (const [code, bad] of cases) throws(() => parseBundle(bad), { name: 'DecodeError', code })
})

test('any JSON is a bundle, or raises DecodeError', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      throws(() => parseBundle(text), DecodeError)
    }),
  )
})
