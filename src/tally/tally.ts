/**
 * Tally: what a receiver has verified from a sender in one session so far. Each replaces the one before.
 *
 * Source: design section 3; docs/TALLY.md, "Tally". Signed by the receiver's swarm key.
 *
 *   offset  size  field
 *   0       16    tag "TSWM-TALLY-v1"
 *   16      32    scope
 *   48      32    share
 *   80      32    senderKey
 *   112     32    receiverKey
 *   144     32    session        SHA-256 of the Open
 *   176     4     opened         as in the Open
 *   180     4     zero
 *   184     8     bytes          verified payload, no padding
 *   192     32    blocks         SHA-256 of the canonical runs
 *
 * @module
 */
import { bytesEqual, concatBytes } from '../base/bytes.ts'
import { FieldReader, field, tag, uint32, uint64 } from '../base/fields.ts'
import type { ScopeId, ShareId } from '../base/ids.ts'
import type { Open } from './open.ts'

export const TALLY_BYTES = 224

export type Tally = {
  readonly scope: ScopeId
  readonly share: ShareId
  readonly senderKey: Uint8Array
  readonly receiverKey: Uint8Array
  readonly session: Uint8Array
  readonly openedS: number
  readonly bytes: bigint
  readonly blocks: Uint8Array
}

const TAG = tag('TSWM-TALLY-v1')

export function encodeTally(tally: Tally): Uint8Array {
  return concatBytes(
    TAG,
    field(tally.scope, 32, 'scope'),
    field(tally.share, 32, 'share'),
    field(tally.senderKey, 32, 'senderKey'),
    field(tally.receiverKey, 32, 'receiverKey'),
    field(tally.session, 32, 'session'),
    uint32(tally.openedS),
    uint32(0),
    uint64(tally.bytes),
    field(tally.blocks, 32, 'blocks'),
  )
}

/** @throws {DecodeError<'WRONG_LENGTH' | 'WRONG_TAG' | 'NOT_ZERO'>} */
export function decodeTally(bytes: Uint8Array): Tally {
  const reader = new FieldReader(bytes, { tag: TAG, lengthBytes: TALLY_BYTES, what: 'a tally' })
  const head = {
    scope: reader.bytes(32) as ScopeId,
    share: reader.bytes(32) as ShareId,
    senderKey: reader.bytes(32),
    receiverKey: reader.bytes(32),
    session: reader.bytes(32),
    openedS: reader.uint32(),
  }
  reader.zeros(4)
  return { ...head, bytes: reader.uint64(), blocks: reader.bytes(32) }
}

/** The tally of a session at `bytes`, its other fields taken from the Open. */
export function tallyOf(open: Open, session: Uint8Array, counted: Pick<Tally, 'bytes' | 'blocks'>): Tally {
  const { scope, share, senderKey, receiverKey, openedS } = open
  return { scope, share, senderKey, receiverKey, session, openedS, ...counted }
}

/** Whether the fields a tally repeats are those of the Open whose id is `session`. */
export function matchesOpen(tally: Tally, open: Open, session: Uint8Array): boolean {
  return (
    bytesEqual(tally.session, session) &&
    bytesEqual(tally.scope, open.scope) &&
    bytesEqual(tally.share, open.share) &&
    bytesEqual(tally.senderKey, open.senderKey) &&
    bytesEqual(tally.receiverKey, open.receiverKey) &&
    tally.openedS === open.openedS
  )
}
