// Goal: peers that present themselves falsely, or speak out of turn, are refused; those without standing are strangers.
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex } from '../base/bytes.ts'
import { encodeFrame, type Frame, type Hello } from './frames.ts'
import {
  BLOCK,
  createPair,
  createTestAuthority,
  credentialFor,
  ed25519,
  nowS,
  oneFileShare,
  type Pair,
} from './pair.fixture.ts'
import { BILATERAL_SCOPE } from './scope.ts'
import { shareIdOf } from './share-id.ts'

const MIB = 2 ** 20

const hellos: Record<string, { code: string; change: (pair: Pair, hello: Hello) => Partial<Hello> }> = {
  'a key of small order': {
    code: 'PEER_KEY',
    change: () => ({ swarmKey: fromHex(`01${'00'.repeat(31)}`), credentials: [] }),
  },
  'our own key': {
    code: 'SELF_DEALING',
    change: ({ alice }) => ({ swarmKey: alice.key.publicKey, credentials: [] }),
  },
  'a credential of another member': {
    code: 'CREDENTIAL_INVALID',
    change: ({ alice }) => ({ credentials: (alice.sent[0] as Hello | undefined)?.credentials ?? [] }),
  },
  'a credential nobody signed': {
    code: 'CREDENTIAL_INVALID',
    change: (_, { credentials }) => ({
      credentials: credentials.map(({ document }) => ({ document, signature: new Uint8Array(64) })),
    }),
  },
}
for (const [what, { code, change }] of Object.entries(hellos)) {
  test(`a HELLO with ${what} is refused: ${code}`, async () => {
    await using pair = await createPair({ bobHello: (hello, at) => ({ ...hello, ...change(at, hello) }) })
    deepEqual(await pair.codes(), [`alice: ${code}`])
  })
}

for (const what of ['of another share', 'that has run out', 'of some other tracker']) {
  test(`a peer with a credential ${what} is a stranger`, async () => {
    const authority = await createTestAuthority()
    const { publicKey: swarmKey, ...rest } = await ed25519.generate()
    const share = what === 'of another share' ? (BILATERAL_SCOPE as never) : shareIdOf(oneFileShare(4 * MIB))
    const issuer = what === 'of some other tracker' ? await createTestAuthority() : authority
    const life = what === 'that has run out' ? { notAfterS: nowS() - 1 } : {}
    const credential = await credentialFor(issuer, { share, swarmKey, ...life })
    await using pair = await createPair({
      authority,
      bob: { swarmKey: { publicKey: swarmKey, ...rest } },
      bobHello: (hello) => ({ ...hello, credentials: [credential] }),
    })
    await pair.settled()
    equal(pair.alice.link.state.peerSpeaksTallies, false)
    equal(pair.alice.link.maySend(BLOCK), false)
    deepEqual(pair.violations, [])
  })
}

const outOfTurn: Record<string, Frame> = {
  NO_SESSION: {
    type: 'tally',
    tally: new Uint8Array(224),
    signature: new Uint8Array(64),
    waste: 0n,
    added: [],
    payment: new Uint8Array(0),
  },
  OPENED_UNASKED: { type: 'opened', signature: new Uint8Array(64) },
  ANSWER_UNASKED: { type: 'answer', accepted: true, body: new Uint8Array(0) },
  WASTE_TOO_HIGH: { type: 'waste', waste: 1n },
}
for (const [code, frame] of Object.entries(outOfTurn)) {
  test(`a ${frame.type} frame out of turn is refused: ${code}`, async () => {
    await using pair = await createPair()
    await pair.settled()
    pair.inject(pair.bob, encodeFrame(frame))
    deepEqual(await pair.codes(), [`alice: ${code}`])
  })
}

test('HELLO comes first and once', async () => {
  await using twice = await createPair()
  await twice.settled()
  twice.inject(twice.bob, encodeFrame(twice.bob.sent[0]!))
  deepEqual(await twice.codes(), ['alice: HELLO_REPEATED'])
  await using never = await createPair({ bobHello: () => ({ type: 'ask' }) })
  deepEqual(await never.codes(), ['alice: HELLO_MISSING'])
})
