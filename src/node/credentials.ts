/**
 * Our standing with a credential authority: registers the identity, binds the swarm key, fetches the credential.
 *
 * Source: design section 3, "Swarm keys". What the authority answers is checked before it is used.
 *
 * @module
 */
import { bytesEqual } from '../base/bytes.ts'
import { CodedError, messageOf } from '../base/errors.ts'
import { type ScopeId, type ShareId, scopeId } from '../base/ids.ts'
import { systemClock } from '../base/io/system.ts'
import type { Bls } from '../crypto/bls.ts'
import type { Ed25519, Ed25519Key } from '../crypto/ed25519.ts'
import { createNativeBls } from '../crypto/io/bls.ts'
import { type CredentialClient, createCredentialClient } from '../discovery/io/credential-client.ts'
import { keyRequestMessage } from '../tally/authority.ts'
import { bindingMessage, encodeBinding, keysRootOf } from '../tally/binding.ts'
import { CREDENTIAL_LIFE_MAX_S, covers, decodeCredential, type SignedBytes } from '../tally/credential.ts'
import type { Membership } from '../tally/link-settings.ts'
import { type Scope, scopeIdOf } from '../tally/scope.ts'
import type { Keys } from './keys.ts'
import { USER_AGENT } from './version.ts'

const TIMEOUT_MS = 10_000
/** Bindings and credentials start a little in the past, for clocks that differ. */
const SKEW_S = 60

type About = { readonly authority: string; readonly share: ShareId; readonly swarmKey: Ed25519Key }
type Parts = { readonly keys: Keys; readonly ed25519: Ed25519; readonly log: (line: string) => void }

export type Standing = { readonly membership: Membership; readonly scope: Scope }

/** Undefined, with a line in the log, when the authority cannot be reached or says no: tallies are bilateral then. */
export async function standingWith(about: About, parts: Parts): Promise<Standing | undefined> {
  try {
    return await ask(about, parts)
  } catch (error) {
    parts.log(`no credential from ${about.authority} (${messageOf(error)}): tallies will be bilateral`)
    return undefined
  }
}

async function ask({ authority, share, swarmKey }: About, { keys, ed25519 }: Parts): Promise<Standing> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const client = createCredentialClient({ url: authority, userAgent: USER_AGENT, reach: 'local' })
  const { key } = await client.authority(signal)
  const scope: Scope = { kind: 'tracker', key }
  const id = scopeIdOf(scope)
  await bind(client, { scope: id, swarmKey, bls: createNativeBls(), keys }, signal)
  const signature = await ed25519.sign(swarmKey, keyRequestMessage(id, share, swarmKey.publicKey))
  const outcome = await client.issue(
    { share, swarmKey: swarmKey.publicKey, signature, lifeS: CREDENTIAL_LIFE_MAX_S },
    signal,
  )
  if (!outcome.ok) throw new CodedError('CREDENTIAL_REFUSED', outcome.reason)
  const { credential } = outcome
  await requireGood(credential, { scope: id, share, swarmKey: swarmKey.publicKey, key }, ed25519)
  return { scope, membership: { scope: id, authorityKey: key, credential } }
}

type Claim = {
  readonly scope: ScopeId
  readonly swarmKey: Ed25519Key
  readonly bls: Bls
  readonly keys: Keys
}

/** The identity vouches for the swarm key; registering twice is no fault. */
async function bind(client: CredentialClient, claim: Claim, signal: AbortSignal): Promise<void> {
  const { bls, keys, scope, swarmKey } = claim
  const identity = await keys.identity(bls)
  const registered = await client.register(identity.publicKey, await bls.provePossession(identity), signal)
  if (!registered.ok && registered.reason !== 'identity-taken') {
    throw new CodedError('REGISTRATION_REFUSED', registered.reason)
  }
  const nowS = Math.floor(systemClock.nowMs() / 1000)
  const document = encodeBinding({
    scope: scopeId(scope),
    identity: identity.publicKey,
    keysRoot: keysRootOf([swarmKey.publicKey]),
    notBeforeS: nowS - SKEW_S,
    notAfterS: nowS + CREDENTIAL_LIFE_MAX_S,
  })
  const signature = await bls.sign(identity, bindingMessage(document))
  const bound = await client.bind({ document, signature }, [swarmKey.publicKey], signal)
  if (!bound.ok) throw new CodedError('BINDING_REFUSED', bound.reason)
}

async function requireGood(
  { document, signature }: SignedBytes,
  about: { scope: ScopeId; share: ShareId; swarmKey: Uint8Array; key: Uint8Array },
  ed25519: Ed25519,
): Promise<void> {
  const credential = decodeCredential(document)
  const nowS = Math.floor(systemClock.nowMs() / 1000)
  const named =
    bytesEqual(credential.swarmKey, about.swarmKey) &&
    covers(credential, { scope: about.scope, share: about.share, swarmKey: about.swarmKey }, nowS)
  if (!named || !(await ed25519.verify(about.key, signature, document))) {
    throw new CodedError(
      'CREDENTIAL_BAD',
      'the authority answered with a credential that is not valid for us',
    )
  }
}
