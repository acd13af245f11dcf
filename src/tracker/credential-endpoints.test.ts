// Goal: a member registers, binds and gets a credential over HTTP from the real authority; refusals keep
// their reason.
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { scopeId, shareId } from '../base/ids.ts'
import { systemClock, systemRandom } from '../base/io/system.ts'
import { createNativeBls } from '../crypto/io/bls.ts'
import { createNodeEd25519 } from '../crypto/io/ed25519.ts'
import { createCredentialClient } from '../discovery/io/credential-client.ts'
import { createAuthority, createMemoryAuthorityStore, keyRequestMessage } from '../tally/authority.ts'
import { bindingMessage, encodeBinding, keysRootOf } from '../tally/binding.ts'
import { covers, decodeCredential } from '../tally/credential.ts'
import { credentialEndpoints } from './credential-endpoints.ts'
import { createSmallTracker } from './io/announce-server.ts'

const nowS = 1_800_000_000
const scope = scopeId(new Uint8Array(32).fill(1))
const share = shareId(new Uint8Array(32).fill(2))
const ed25519 = createNodeEd25519()
const bls = createNativeBls()
const signal = () => AbortSignal.timeout(10_000)

async function setUp() {
  const authorityKey = await ed25519.generate()
  const store = createMemoryAuthorityStore()
  const authority = createAuthority({ scope, key: authorityKey }, { store, ed25519, bls, nowS: () => nowS })
  const tracker = await createSmallTracker(
    {},
    {
      clock: systemClock,
      random: systemRandom,
      endpoints: credentialEndpoints(authority, { random: systemRandom }),
    },
  )
  const client = createCredentialClient({ url: tracker.url, userAgent: 'Tallyswarm/0.1.0', reach: 'local' })
  const identity = bls.generate()
  const swarmKey = await ed25519.generate()
  return { tracker, client, identity, swarmKey, authorityKey }
}

test("register, bind, issue: the credential is the authority's own", async () => {
  const { tracker, client, identity, swarmKey, authorityKey } = await setUp()
  await using _tracker = tracker
  deepEqual(await client.authority(signal()), {
    scope: new Uint8Array(scope),
    key: new Uint8Array(authorityKey.publicKey),
  })
  const possession = await bls.provePossession(identity)
  const registered = await client.register(identity.publicKey, possession, signal())
  equal(registered.ok && registered.accountId.length, 32)
  deepEqual(await client.register(identity.publicKey, possession, signal()), {
    ok: false,
    reason: 'identity-taken',
  })

  const keys = [swarmKey.publicKey]
  const document = encodeBinding({
    scope,
    identity: identity.publicKey,
    keysRoot: keysRootOf(keys),
    notBeforeS: nowS,
    notAfterS: nowS + 86_400,
  })
  const signature = await bls.sign(identity, bindingMessage(document))
  equal((await client.bind({ document, signature }, keys, signal())).ok, true)

  const request = {
    share,
    swarmKey: swarmKey.publicKey,
    signature: await ed25519.sign(swarmKey, keyRequestMessage(scope, share, swarmKey.publicKey)),
    lifeS: 3600,
  }
  const issued = await client.issue(request, signal())
  if (!issued.ok) throw new Error(issued.reason)
  const { credential } = issued
  equal(await ed25519.verify(authorityKey.publicKey, credential.signature, credential.document), true)
  const subject = { scope, share, swarmKey: swarmKey.publicKey }
  equal(covers(decodeCredential(credential.document), subject, nowS + 3600), true)

  const other = shareId(new Uint8Array(32).fill(3))
  const forOther = {
    ...request,
    share: other,
    signature: await ed25519.sign(swarmKey, keyRequestMessage(scope, other, swarmKey.publicKey)),
  }
  deepEqual(await client.issue(forOther, signal()), { ok: false, reason: 'key-of-other-share' })
})

test('a stranger gets a reason, not a credential', async () => {
  const { tracker, client, identity, swarmKey } = await setUp()
  await using _tracker = tracker
  const forged = await client.register(identity.publicKey, new Uint8Array(96), signal())
  deepEqual(forged, { ok: false, reason: 'possession-invalid' })
  const request = { share, swarmKey: swarmKey.publicKey, signature: new Uint8Array(64), lifeS: 1 }
  deepEqual(await client.issue(request, signal()), { ok: false, reason: 'key-unknown' })
  deepEqual(await client.issue({ ...request, lifeS: 1e9 }, signal()), { ok: false, reason: 'FIELD' })
  deepEqual(await client.register(new Uint8Array(5), new Uint8Array(96), signal()), {
    ok: false,
    reason: 'FIELD',
  })
})

test("an answer that is no authority's is refused", async () => {
  const { tracker } = await setUp()
  await using _tracker = tracker
  const lost = createCredentialClient({ url: `${tracker.url}/lost`, userAgent: 'x', reach: 'local' })
  await rejects(lost.authority(signal()), { code: 'HTTP_STATUS' })
  const stranger = createCredentialClient({ url: tracker.url, userAgent: 'x' })
  await rejects(stranger.authority(signal()), { code: 'ADDRESS_REFUSED' })
})
