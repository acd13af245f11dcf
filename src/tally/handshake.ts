/**
 * Who the peer is: reads its HELLO, checks its credentials, and finds the scopes both can use.
 *
 * Source: design section 3, "Swarm keys": peers check a cached Credential and never see an account.
 *
 * @module
 */
import { bytesEqual, toHex } from '../base/bytes.ts'
import { CodedError } from '../base/errors.ts'
import type { ScopeId, ShareId } from '../base/ids.ts'
import type { Ed25519 } from '../crypto/ed25519.ts'
import { isStrictPublicKey } from '../crypto/ed25519.ts'
import { covers, decodeCredential, type SignedBytes } from './credential.ts'
import { digest } from './digest.ts'
import type { Hello } from './frames.ts'
import type { Membership } from './link-settings.ts'
import { BILATERAL_SCOPE } from './scope.ts'

/** A scope both sides can use, with each side's credential (none in bilateral scope). */
export type CommonScope = {
  readonly scope: ScopeId
  readonly own?: SignedBytes
  readonly peer?: SignedBytes
}

export type Peer = {
  readonly swarmKey: Uint8Array
  readonly nonce: Uint8Array
  /** Ours in our order; empty when there is none in common. */
  readonly scopes: readonly CommonScope[]
}

/** Remembers signatures of authorities that held, so that a swarm's credentials are checked once. Bounded. */
export class CredentialCache {
  readonly #ed25519: Pick<Ed25519, 'verify'>
  readonly #entriesMax: number
  readonly #good = new Set<string>()

  constructor(ed25519: Pick<Ed25519, 'verify'>, entriesMax = 4096) {
    this.#ed25519 = ed25519
    this.#entriesMax = entriesMax
  }

  async verify(authorityKey: Uint8Array, { document, signature }: SignedBytes): Promise<boolean> {
    const name = toHex(digest(authorityKey, document, signature))
    if (this.#good.has(name)) return true
    if (!(await this.#ed25519.verify(authorityKey, signature, document))) return false
    if (this.#good.size >= this.#entriesMax) this.#good.delete(this.#good.values().next().value!)
    this.#good.add(name)
    return true
  }
}

export type Ours = {
  readonly share: ShareId
  readonly swarmKey: Uint8Array
  readonly memberships: readonly Membership[]
  readonly bilateral: boolean
}

/**
 * Judges a HELLO. Credentials of scopes that are not ours, or that have run out, are passed over; a false one is not.
 *
 * @throws {CodedError<'PEER_KEY' | 'SELF_DEALING' | 'CREDENTIAL_INVALID'>}
 */
export async function meet(
  hello: Hello,
  ours: Ours,
  { cache, nowS }: { readonly cache: CredentialCache; readonly nowS: number },
): Promise<Peer> {
  const { swarmKey, nonce } = hello
  if (!isStrictPublicKey(swarmKey)) throw new CodedError('PEER_KEY', 'the peer shows a weak swarm key')
  if (bytesEqual(swarmKey, ours.swarmKey)) throw new CodedError('SELF_DEALING', 'the peer shows our own key')
  const scopes: CommonScope[] = []
  for (const membership of ours.memberships) {
    const peer = await credentialIn(membership, hello, { share: ours.share, cache, nowS })
    if (peer !== undefined) scopes.push({ scope: membership.scope, own: membership.credential, peer })
  }
  if (ours.bilateral && hello.bilateral) scopes.push({ scope: BILATERAL_SCOPE })
  return { swarmKey, nonce, scopes }
}

async function credentialIn(
  { scope, authorityKey }: Membership,
  { credentials, swarmKey }: Hello,
  { share, cache, nowS }: { share: ShareId; cache: CredentialCache; nowS: number },
): Promise<SignedBytes | undefined> {
  for (const signed of credentials) {
    const credential = decodeCredential(signed.document)
    if (!bytesEqual(credential.scope, scope)) continue
    if (!bytesEqual(credential.swarmKey, swarmKey)) {
      throw new CodedError('CREDENTIAL_INVALID', 'the credential is for another key')
    }
    if (!(await cache.verify(authorityKey, signed))) {
      throw new CodedError('CREDENTIAL_INVALID', 'the credential is not signed by its authority')
    }
    if (covers(credential, { scope, share, swarmKey }, nowS)) return signed
  }
  return undefined
}
