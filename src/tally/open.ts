/**
 * Open: both peers agree who sends what to whom on one connection. Signed by both swarm keys.
 *
 * Source: design section 3; docs/TALLY.md, "Open".
 *
 *   offset  size  field
 *   0       16    tag "TSWM-OPEN-v1"
 *   16      32    scope
 *   48      32    share
 *   80      32    senderKey
 *   112     32    receiverKey
 *   144     16    senderNonce
 *   160     16    receiverNonce
 *   176     4     opened         seconds since 1970
 *   180     32    quote          digest of the accepted quote, or zero
 *   212     32    transport      what identifies the connection to both ends
 *
 * @module
 */
import { concatBytes } from '../base/bytes.ts'
import { FieldReader, field, tag, uint32 } from '../base/fields.ts'
import type { ScopeId, ShareId } from '../base/ids.ts'
import { digest } from './digest.ts'

export const OPEN_BYTES = 244
export const NONCE_BYTES = 16
/** How far `opened` may be from the clock of the receiver, and of whoever verifies at once. */
export const OPENED_SKEW_S = 300
/** No session is older than this. */
export const SESSION_LIFE_S = 86_400

export type Open = {
  readonly scope: ScopeId
  readonly share: ShareId
  readonly senderKey: Uint8Array
  readonly receiverKey: Uint8Array
  readonly senderNonce: Uint8Array
  readonly receiverNonce: Uint8Array
  readonly openedS: number
  readonly quote: Uint8Array
  readonly transport: Uint8Array
}

const TAG = tag('TSWM-OPEN-v1')

export function encodeOpen(open: Open): Uint8Array {
  return concatBytes(
    TAG,
    field(open.scope, 32, 'scope'),
    field(open.share, 32, 'share'),
    field(open.senderKey, 32, 'senderKey'),
    field(open.receiverKey, 32, 'receiverKey'),
    field(open.senderNonce, NONCE_BYTES, 'senderNonce'),
    field(open.receiverNonce, NONCE_BYTES, 'receiverNonce'),
    uint32(open.openedS),
    field(open.quote, 32, 'quote'),
    field(open.transport, 32, 'transport'),
  )
}

/** @throws {DecodeError<'WRONG_LENGTH' | 'WRONG_TAG'>} */
export function decodeOpen(bytes: Uint8Array): Open {
  const reader = new FieldReader(bytes, { tag: TAG, lengthBytes: OPEN_BYTES, what: 'an open' })
  return {
    scope: reader.bytes(32) as ScopeId,
    share: reader.bytes(32) as ShareId,
    senderKey: reader.bytes(32),
    receiverKey: reader.bytes(32),
    senderNonce: reader.bytes(NONCE_BYTES),
    receiverNonce: reader.bytes(NONCE_BYTES),
    openedS: reader.uint32(),
    quote: reader.bytes(32),
    transport: reader.bytes(32),
  }
}

/** The name of a session: SHA-256 of its Open. */
export const sessionIdOf = (openBytes: Uint8Array): Uint8Array => digest(openBytes)
