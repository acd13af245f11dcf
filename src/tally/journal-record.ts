/**
 * The records of a tally journal: sessions as they open, tallies as they grow.
 *
 * Source: docs/TALLY.md, "Journal".
 *
 *   session  1 | role 1 (0 sender, 1 receiver) | open 244 | signatures 2 × 64 | credentials 1 (0 or 2) | each 120 + 64
 *   tally    2 | tally 224 | signature 64 | payment length 2 | payment | runs, 8 each, to the end
 *
 * @module
 */
import { concatBytes, viewOf } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { CREDENTIAL_BYTES, type SignedBytes } from './credential.ts'
import { OPAQUE_BYTES_MAX } from './frames.ts'
import { OPEN_BYTES, sessionIdOf } from './open.ts'
import { decodeRuns, encodeRuns, RUN_BYTES, RUNS_MAX } from './runs.ts'
import type { SessionRecord, TallyRecord } from './store.ts'
import { decodeTally, TALLY_BYTES } from './tally.ts'

const SESSION = 1
const TALLY = 2
const SIGNATURE_BYTES = 64
const SESSION_HEAD_BYTES = 2 + OPEN_BYTES + 2 * SIGNATURE_BYTES + 1
const TALLY_HEAD_BYTES = 1 + TALLY_BYTES + SIGNATURE_BYTES + 2
/** No record is longer. */
export const RECORD_BYTES_MAX = TALLY_HEAD_BYTES + OPAQUE_BYTES_MAX + RUNS_MAX * RUN_BYTES

export type JournalRecord =
  | { readonly kind: 'session'; readonly record: SessionRecord }
  | { readonly kind: 'tally'; readonly record: TallyRecord }

export function encodeSessionRecord(record: SessionRecord): Uint8Array {
  const { role, open, senderSignature, receiverSignature, senderCredential, receiverCredential } = record
  const credentials =
    senderCredential === undefined || receiverCredential === undefined
      ? []
      : [senderCredential, receiverCredential].flatMap(({ document, signature }) => [document, signature])
  return concatBytes(
    Uint8Array.of(SESSION, role === 'sender' ? 0 : 1),
    open,
    senderSignature,
    receiverSignature,
    Uint8Array.of(credentials.length / 2),
    ...credentials,
  )
}

export function encodeTallyRecord({ tally, signature, payment, added }: TallyRecord): Uint8Array {
  const paid = payment ?? new Uint8Array(0)
  const length = Uint8Array.of(paid.length >>> 8, paid.length & 0xff)
  return concatBytes(Uint8Array.of(TALLY), tally, signature, length, paid, encodeRuns(added))
}

/** Its byte fields are copies. @throws {DecodeError<'RECORD_KIND' | 'RECORD_LENGTH' | …>} */
export function decodeRecord(given: Uint8Array): JournalRecord {
  const bytes = new Uint8Array(given) // a Buffer's slices would be views
  switch (bytes[0]) {
    case SESSION:
      return { kind: 'session', record: readSession(bytes) }
    case TALLY:
      return { kind: 'tally', record: readTally(bytes) }
    default:
      throw new DecodeError('RECORD_KIND', `unknown record kind ${bytes[0] ?? 'none'}`)
  }
}

function readSession(bytes: Uint8Array): SessionRecord {
  const credentialBytes = CREDENTIAL_BYTES + SIGNATURE_BYTES
  const credentials = bytes[SESSION_HEAD_BYTES - 1]
  if (
    (credentials !== 0 && credentials !== 2) ||
    bytes.length !== SESSION_HEAD_BYTES + credentials * credentialBytes
  ) {
    throw new DecodeError('RECORD_LENGTH', 'a session record has the wrong length')
  }
  const open = bytes.slice(2, 2 + OPEN_BYTES)
  const at = 2 + OPEN_BYTES
  const signed = (offset: number): SignedBytes => ({
    document: bytes.slice(offset, offset + CREDENTIAL_BYTES),
    signature: bytes.slice(offset + CREDENTIAL_BYTES, offset + credentialBytes),
  })
  return {
    role: bytes[1] === 0 ? 'sender' : 'receiver',
    session: sessionIdOf(open),
    open,
    senderSignature: bytes.slice(at, at + SIGNATURE_BYTES),
    receiverSignature: bytes.slice(at + SIGNATURE_BYTES, at + 2 * SIGNATURE_BYTES),
    ...(credentials === 2 && {
      senderCredential: signed(SESSION_HEAD_BYTES),
      receiverCredential: signed(SESSION_HEAD_BYTES + credentialBytes),
    }),
  }
}

function readTally(bytes: Uint8Array): TallyRecord {
  if (bytes.length < TALLY_HEAD_BYTES) throw new DecodeError('RECORD_LENGTH', 'a tally record is too short')
  const tally = bytes.slice(1, 1 + TALLY_BYTES)
  const paidBytes = viewOf(bytes).getUint16(TALLY_HEAD_BYTES - 2)
  const runsAt = TALLY_HEAD_BYTES + paidBytes
  if (bytes.length < runsAt) throw new DecodeError('RECORD_LENGTH', 'a tally record is too short')
  const { session, bytes: counted } = decodeTally(tally)
  return {
    session,
    tally,
    signature: bytes.slice(1 + TALLY_BYTES, TALLY_HEAD_BYTES - 2),
    bytes: counted,
    added: decodeRuns(bytes.subarray(runsAt)),
    ...(paidBytes > 0 && { payment: bytes.slice(TALLY_HEAD_BYTES, runsAt) }),
  }
}
