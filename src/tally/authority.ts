/**
 * A scope's authority as a library: registers identities, takes their bindings, issues credentials.
 *
 * Source: design section 3, "Swarm keys"; docs/TALLY.md, "Authority". The authority alone knows which account a swarm
 * key belongs to. A key is bound once, to one account, and gets credentials for one share.
 *
 * @module
 */
import { bytesEqual, concatBytes, toHex } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { tag } from '../base/fields.ts'
import type { ScopeId, ShareId } from '../base/ids.ts'
import type { Bls } from '../crypto/bls.ts'
import { type Ed25519, type Ed25519Key, isStrictPublicKey } from '../crypto/ed25519.ts'
import { areBindableKeys, type Binding, bindingMessage, decodeBinding, keysRootOf } from './binding.ts'
import { CREDENTIAL_LIFE_MAX_S, encodeCredential, type SignedBytes } from './credential.ts'
import type { Account } from './verify.ts'

/** A bound swarm key. `share` is set by its first credential. */
export type KeyRow = {
  readonly accountId: string
  readonly notBeforeS: number
  readonly notAfterS: number
  readonly share?: Uint8Array
}

/** Where an authority keeps what it knows. Each call is atomic. */
export type AuthorityStore = {
  account(identity: Uint8Array): Promise<Account | undefined>
  accountById(id: string): Promise<Account | undefined>
  /** False when the identity is there already. */
  addAccount(account: Account): Promise<boolean>
  key(swarmKey: Uint8Array): Promise<KeyRow | undefined>
  /** All or none: false when one of them belongs to another account. */
  bindKeys(keys: readonly Uint8Array[], row: KeyRow): Promise<boolean>
  /** Ties a key to the share of its first credential: false when it is tied to another. */
  claimShare(swarmKey: Uint8Array, share: Uint8Array): Promise<boolean>
}

type Refused<Reason extends string> = { readonly ok: false; readonly reason: Reason }
const refused = <Reason extends string>(reason: Reason): Refused<Reason> => ({ ok: false, reason })

export type RegisterResult =
  | { readonly ok: true; readonly account: Account }
  | Refused<'possession-invalid' | 'identity-taken'>
export type BindResult =
  | { readonly ok: true }
  | Refused<
      | 'malformed'
      | 'wrong-scope'
      | 'identity-unknown'
      | 'keys'
      | 'keys-root'
      | 'not-valid-now'
      | 'signature-invalid'
      | 'key-taken'
    >
export type IssueResult =
  | { readonly ok: true; readonly credential: SignedBytes }
  | Refused<'key-unknown' | 'key-expired' | 'key-of-other-share' | 'possession-invalid' | 'share-unknown'>

const REQUEST_TAG = tag('TSWM-KEYREQ-v1')

/** What a swarm key signs to show that its owner asks for the credential. */
export function keyRequestMessage(scope: ScopeId, share: ShareId, swarmKey: Uint8Array): Uint8Array {
  return concatBytes(REQUEST_TAG, scope, share, swarmKey)
}

export type Authority = {
  readonly scope: ScopeId
  readonly key: Uint8Array
  /** Takes an identity whose owner proves that it has the secret. */
  register(identity: Uint8Array, possession: Uint8Array, accountId: string): Promise<RegisterResult>
  /** Takes a member's claim on swarm keys. `keys` strictly ascending. */
  bind(binding: SignedBytes, keys: readonly Uint8Array[]): Promise<BindResult>
  /** A credential of a bound key for one share, for `lifeS` from now, never beyond the binding or 30 days. */
  issue(request: {
    readonly share: ShareId
    readonly swarmKey: Uint8Array
    /** By the swarm key, over `keyRequestMessage`. */
    readonly signature: Uint8Array
    readonly lifeS: number
  }): Promise<IssueResult>
  accountOf(swarmKey: Uint8Array): Promise<Account | undefined>
}

export function createAuthority(
  { scope, key }: { readonly scope: ScopeId; readonly key: Ed25519Key },
  parts: {
    readonly store: AuthorityStore
    readonly ed25519: Ed25519
    readonly bls: Pick<Bls, 'verify' | 'verifyPossession'>
    readonly nowS: () => number
    /** Whether credentials are given out for a share; default: any. */
    readonly knowsShare?: (share: Uint8Array) => boolean | Promise<boolean>
  },
): Authority {
  const { store, ed25519, bls, nowS, knowsShare = () => true } = parts
  return {
    scope,
    key: key.publicKey,

    async register(identity, possession, accountId) {
      if (!(await bls.verifyPossession(identity, possession))) return refused('possession-invalid')
      const account: Account = { id: accountId, identity, possessionProven: true }
      return (await store.addAccount(account)) ? { ok: true, account } : refused('identity-taken')
    },

    async bind({ document, signature }, keys) {
      const binding = readBinding(document)
      if (binding === undefined) return refused('malformed')
      if (!bytesEqual(binding.scope, scope)) return refused('wrong-scope')
      const account = await store.account(binding.identity)
      if (account === undefined) return refused('identity-unknown')
      if (!areBindableKeys(keys) || !keys.every(isStrictPublicKey)) return refused('keys')
      if (!bytesEqual(keysRootOf(keys), binding.keysRoot)) return refused('keys-root')
      const { notBeforeS, notAfterS } = binding
      if (notBeforeS > nowS() || notAfterS < nowS()) return refused('not-valid-now')
      const signed = { publicKey: binding.identity, message: bindingMessage(document), signature }
      if (!(await bls.verify(signed))) return refused('signature-invalid')
      const bound = await store.bindKeys(keys, { accountId: account.id, notBeforeS, notAfterS })
      return bound ? { ok: true } : refused('key-taken')
    },

    async issue({ share, swarmKey, signature, lifeS }) {
      const row = await store.key(swarmKey)
      if (row === undefined) return refused('key-unknown')
      const notBeforeS = nowS()
      if (row.notAfterS < notBeforeS) return refused('key-expired')
      if (!(await knowsShare(share))) return refused('share-unknown')
      if (!(await ed25519.verify(swarmKey, signature, keyRequestMessage(scope, share, swarmKey)))) {
        return refused('possession-invalid')
      }
      if (!(await store.claimShare(swarmKey, share))) return refused('key-of-other-share')
      const notAfterS = Math.min(row.notAfterS, notBeforeS + Math.min(lifeS, CREDENTIAL_LIFE_MAX_S))
      const document = encodeCredential({ scope, share, swarmKey, notBeforeS, notAfterS })
      return { ok: true, credential: { document, signature: await ed25519.sign(key, document) } }
    },

    async accountOf(swarmKey) {
      const row = await store.key(swarmKey)
      return row && store.accountById(row.accountId)
    },
  }
}

function readBinding(document: Uint8Array): Binding | undefined {
  try {
    return decodeBinding(document)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

/** An authority's memory for one process. Bounded by `accountsMax` and `keysMax`: beyond them nothing is taken. */
export function createMemoryAuthorityStore(
  { accountsMax, keysMax } = { accountsMax: 100_000, keysMax: 1_000_000 },
): AuthorityStore {
  const byIdentity = new Map<string, Account>()
  const byId = new Map<string, Account>()
  const rows = new Map<string, KeyRow>()
  return {
    account: async (identity) => byIdentity.get(toHex(identity)),
    accountById: async (id) => byId.get(id),
    async addAccount(account) {
      const name = toHex(account.identity)
      if (byIdentity.has(name) || byId.has(account.id) || byId.size >= accountsMax) return false
      byIdentity.set(name, account)
      byId.set(account.id, account)
      return true
    },
    key: async (swarmKey) => rows.get(toHex(swarmKey)),
    async bindKeys(keys, row) {
      const names = keys.map(toHex)
      const free = names.every((name) => (rows.get(name)?.accountId ?? row.accountId) === row.accountId)
      if (!free || rows.size + names.length > keysMax) return false
      for (const name of names) rows.set(name, { ...rows.get(name), ...row })
      return true
    },
    async claimShare(swarmKey, share) {
      const name = toHex(swarmKey)
      const row = rows.get(name)
      if (row === undefined || (row.share !== undefined && !bytesEqual(row.share, share))) return false
      rows.set(name, { ...row, share })
      return true
    },
  }
}
