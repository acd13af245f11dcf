/**
 * Credential: a scope's authority says that a swarm key belongs to a member in good standing. Names no account.
 *
 * Source: design section 3; docs/TALLY.md, "Credential". Signed by the authority's Ed25519 key, shown to peers.
 *
 *   offset  size  field
 *   0       16    tag "TSWM-CRED-v1"
 *   16      32    scope
 *   48      32    share
 *   80      32    swarmKey
 *   112     4     notBefore      seconds since 1970, inclusive
 *   116     4     notAfter       inclusive
 *
 * @module
 */
import { bytesEqual, concatBytes } from '../base/bytes.ts'
import { FieldReader, field, tag, uint32 } from '../base/fields.ts'
import type { ScopeId, ShareId } from '../base/ids.ts'

export const CREDENTIAL_BYTES = 120
/** Longest life of a credential: 30 days. */
export const CREDENTIAL_LIFE_MAX_S = 30 * 86_400

export type Credential = {
  readonly scope: ScopeId
  readonly share: ShareId
  readonly swarmKey: Uint8Array
  readonly notBeforeS: number
  readonly notAfterS: number
}

/** A document as bytes and its signature. */
export type SignedBytes = { readonly document: Uint8Array; readonly signature: Uint8Array }

const TAG = tag('TSWM-CRED-v1')

export function encodeCredential(credential: Credential): Uint8Array {
  return concatBytes(
    TAG,
    field(credential.scope, 32, 'scope'),
    field(credential.share, 32, 'share'),
    field(credential.swarmKey, 32, 'swarmKey'),
    uint32(credential.notBeforeS),
    uint32(credential.notAfterS),
  )
}

/** @throws {DecodeError<'WRONG_LENGTH' | 'WRONG_TAG'>} */
export function decodeCredential(bytes: Uint8Array): Credential {
  const reader = new FieldReader(bytes, { tag: TAG, lengthBytes: CREDENTIAL_BYTES, what: 'a credential' })
  return {
    scope: reader.bytes(32) as ScopeId,
    share: reader.bytes(32) as ShareId,
    swarmKey: reader.bytes(32),
    notBeforeS: reader.uint32(),
    notAfterS: reader.uint32(),
  }
}

/** Whether it covers this key, scope and share at `atS`, for no longer than a credential may. */
export function covers(
  credential: Credential,
  subject: Pick<Credential, 'scope' | 'share' | 'swarmKey'>,
  atS: number,
): boolean {
  return (
    bytesEqual(credential.scope, subject.scope) &&
    bytesEqual(credential.share, subject.share) &&
    bytesEqual(credential.swarmKey, subject.swarmKey) &&
    credential.notBeforeS <= atS &&
    atS <= credential.notAfterS &&
    credential.notAfterS - credential.notBeforeS <= CREDENTIAL_LIFE_MAX_S
  )
}
