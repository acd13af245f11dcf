/**
 * What a tally link is made of: what it is told (settings) and whom it works with (parts).
 *
 * @module
 */
import type { ScopeId } from '../base/ids.ts'
import type { Clock, Random } from '../base/world.ts'
import type { Share } from '../content/share.ts'
import type { Ed25519, Ed25519Key } from '../crypto/ed25519.ts'
import type { SignedBytes } from './credential.ts'
import type { TallyStore } from './store.ts'
import type { BuyerTerms, SellerTerms } from './terms.ts'

/** Our standing in one scope: whose signature makes a credential there, and ours for this share and swarm key. */
export type Membership = {
  readonly scope: ScopeId
  /** Ed25519 public key that signs the scope's credentials. */
  readonly authorityKey: Uint8Array
  readonly credential: SignedBytes
}

/** What peers without tallies get: everything, nothing, or this many connections of a factory at a time. */
export type StrangerPolicy = 'serve' | 'refuse' | { readonly slots: number }

export type TallyLinkSettings = {
  readonly share: Pick<Share, 'version' | 'layout' | 'infoHashV1' | 'infoHashV2'>
  /** Bytes that can be verified by themselves: the piece length, or 16 KiB once leaf hashes are known. */
  readonly unitBytes: number
  readonly strangers: StrangerPolicy
  /** Whether tallies without a tracker are given and taken: enough for payment, credited by nobody. */
  readonly bilateral: boolean
}

/** Which connection terms are for. */
export type LinkConnection = {
  readonly transport: Uint8Array
  readonly weDialled: boolean
  readonly label: string
}

export type TallyLinkParts = {
  /** Our swarm key for this share. */
  readonly swarmKey: Ed25519Key
  readonly ed25519: Ed25519
  readonly clock: Clock
  readonly random: Random
  /** Runs `run` once after `delayMs` unless the returned function is called first. */
  readonly schedule: (delayMs: number, run: () => void) => () => void
  readonly store: TallyStore
  /** Scopes we are a member of, best first; asked for every connection, so renewed credentials are used. */
  readonly memberships: () => readonly Membership[]
  /** Money, per connection; undefined: we give for nothing, we buy nothing. */
  readonly sellerTerms?: (connection: LinkConnection) => SellerTerms | undefined
  readonly buyerTerms?: (connection: LinkConnection) => BuyerTerms | undefined
  /** A native SHA-256 where there is one. */
  readonly sha256?: (bytes: Uint8Array) => Uint8Array
}
