// Goal: an authority vouches for keys of members alone, each key once, and minting cannot be milked.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { compareBytes } from '../base/bytes.ts'
import type { ShareId } from '../base/ids.ts'
import { Layout } from '../content/layout.ts'
import { createNativeBls } from '../crypto/io/bls.ts'
import { createAuthority, createMemoryAuthorityStore, keyRequestMessage } from './authority.ts'
import { type Binding, bindingMessage, encodeBinding, keysRootOf } from './binding.ts'
import { BlockNumbering } from './block-numbering.ts'
import { CREDENTIAL_LIFE_MAX_S, decodeCredential } from './credential.ts'
import { capBytes, decideMint, mintAccount } from './credit.ts'
import { createTestAuthority, ed25519, nowS } from './pair.fixture.ts'
import { RunSet } from './runs.ts'
import { BILATERAL_SCOPE } from './scope.ts'

const bls = createNativeBls()
const share = new Uint8Array(32).fill(3) as ShareId

async function world(limits?: { accountsMax: number; keysMax: number }) {
  const { key, scope } = await createTestAuthority()
  const store = createMemoryAuthorityStore(limits)
  const knowsShare = (asked: Uint8Array) => asked[0] === 3 || asked[0] === 4
  const authority = createAuthority({ scope, key }, { store, ed25519, bls, nowS, knowsShare })
  const identity = bls.generate()
  const register = async (id: string, who = identity) =>
    authority.register(who.publicKey, await bls.provePossession(who), id)
  const keys = await Promise.all([ed25519.generate(), ed25519.generate()])
  keys.sort((a, b) => compareBytes(a.publicKey, b.publicKey))
  const publics = keys.map(({ publicKey }) => publicKey)
  const bind = async (change: Partial<Binding> = {}, who = identity, bound = publics) => {
    const document = encodeBinding({
      scope,
      identity: who.publicKey,
      keysRoot: keysRootOf(publics),
      notBeforeS: nowS() - 1,
      notAfterS: nowS() + 60 * 86_400,
      ...change,
    })
    return authority.bind({ document, signature: await bls.sign(who, bindingMessage(document)) }, bound)
  }
  const issue = async (of = share, signer = keys[0]!, lifeS = 1e9) => {
    const swarmKey = keys[0]!.publicKey
    const signature = await ed25519.sign(signer, keyRequestMessage(scope, of, swarmKey))
    return authority.issue({ share: of, swarmKey, signature, lifeS })
  }
  return { authority, identity, register, keys, publics, bind, issue }
}
const reason = (result: { ok: boolean; reason?: string }) => (result.ok ? 'ok' : result.reason)

test('a member registers, binds keys and gets a credential of at most 30 days', async () => {
  const { authority, register, bind, issue, publics } = await world()
  ok((await register('a')).ok)
  ok((await bind()).ok)
  const issued = await issue()
  ok(issued.ok)
  const { notBeforeS, notAfterS, swarmKey } = decodeCredential(issued.credential.document)
  equal(notAfterS - notBeforeS, CREDENTIAL_LIFE_MAX_S)
  deepEqual(swarmKey, publics[0])
  ok(await ed25519.verify(authority.key, issued.credential.signature, issued.credential.document))
  equal((await authority.accountOf(publics[1]!))?.id, 'a')
  equal(await authority.accountOf(new Uint8Array(32)), undefined)
})

test('registering needs possession, and an identity or account only once', async () => {
  const { authority, identity, register } = await world()
  const other = bls.generate()
  const stolen = await bls.provePossession(other)
  equal(reason(await authority.register(identity.publicKey, stolen, 'a')), 'possession-invalid')
  equal(reason(await register('a')), 'ok')
  equal(reason(await register('b')), 'identity-taken')
  equal(reason(await register('a', other)), 'identity-taken')
  equal(reason(await (await world({ accountsMax: 0, keysMax: 0 })).register('a')), 'identity-taken')
})

test('bindings are refused that are not a member’s own, whole and current', async () => {
  const { authority, register, bind, publics } = await world()
  equal(reason(await bind()), 'identity-unknown')
  const other = bls.generate()
  await register('a')
  await register('b', other)
  equal(reason(await bind({ scope: BILATERAL_SCOPE })), 'wrong-scope')
  equal(reason(await bind({}, undefined, [publics[0]!])), 'keys-root')
  equal(reason(await bind({}, undefined, [publics[1]!, publics[0]!])), 'keys')
  equal(reason(await bind({}, undefined, [new Uint8Array(32)])), 'keys')
  equal(reason(await bind({ notAfterS: nowS() - 5 })), 'not-valid-now')
  equal(reason(await bind({ identity: other.publicKey })), 'signature-invalid')
  const garbage = { document: new Uint8Array(3), signature: new Uint8Array(96) }
  equal(reason(await authority.bind(garbage, publics)), 'malformed')
  equal(reason(await bind()), 'ok')
  equal(reason(await bind()), 'ok', 'again, to renew it')
  equal(reason(await bind({}, other)), 'key-taken', 'a key seen on the wire cannot be taken over')
})

test('credentials are for the owner of a bound key and one share', async () => {
  const { register, bind, issue, keys } = await world()
  equal(reason(await issue()), 'key-unknown')
  await register('a')
  await bind()
  equal(reason(await issue(share, keys[1]!)), 'possession-invalid')
  equal(reason(await issue(new Uint8Array(32) as ShareId)), 'share-unknown')
  equal(reason(await issue()), 'ok')
  equal(reason(await issue(new Uint8Array(32).fill(4) as ShareId)), 'key-of-other-share')
})

test('minted credit: a block once per receiver and share, by its payload, within the caps', () => {
  const files = [{ index: 0, path: 'f', length: 100_000, offset: 0 }]
  const layout = new Layout({ pieceLength: 32_768, files, totalLength: 100_000 })
  const minted = new RunSet()
  minted.add({ start: 0, count: 2 })
  const input = {
    tally: { bytes: 100_000n, blocks: new Uint8Array(32) },
    row: undefined,
    sender: 's',
    mint: 'freeleech',
    runs: [{ start: 0, count: 7 }],
    minted,
    numbering: new BlockNumbering({ layout, version: 'v2' }),
    pairLeftBytes: 1n << 40n,
    subtreeLeftBytes: 1n << 40n,
  }
  const first = decideMint(input)
  ok(first.kind === 'minted')
  equal(first.mintedBytes, 100_000n - 32_768n)
  deepEqual(first.fresh, [{ start: 2, count: 5 }])
  deepEqual(first.postings.at(-1), { account: mintAccount('freeleech'), bytes: -first.mintedBytes })
  equal(
    first.postings.reduce((sum, { bytes }) => sum + bytes, 0n),
    0n,
  )
  for (const cap of ['pairLeftBytes', 'subtreeLeftBytes']) {
    const capped = decideMint({ ...input, [cap]: 10n })
    equal(capped.kind === 'minted' && capped.mintedBytes, 10n)
  }
  minted.add({ start: 0, count: 7 })
  const again = decideMint(input)
  ok(again.kind === 'minted' && again.mintedBytes === 0n && again.postings.length === 0)
  const claimed = decideMint({ ...input, runs: [] })
  equal(claimed.kind === 'minted' && claimed.mintedBytes, 0n, 'nothing without the preimage')
  equal(decideMint({ ...input, row: input.tally }).kind, 'unchanged')
})

test('a cap is payload × 1.05 and 16 MiB a grant', () => {
  equal(capBytes(1000, 1), 1050n + 16_777_216n)
  equal(capBytes(1000, 3), 3n * (1050n + 16_777_216n))
})
