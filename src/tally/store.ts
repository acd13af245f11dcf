/**
 * What is kept of sessions, as sender (claims on a tracker or a payer) and as receiver (what we have signed).
 *
 * A store is told of every new session and tally as they happen; the newest tally of a session is the only one that
 * counts. `tally/io/tally-store.ts` keeps it in a file.
 *
 * @module
 */
import { toHex } from '../base/bytes.ts'
import type { SignedBytes } from './credential.ts'
import type { Run } from './link.ts'
import { RunSet } from './runs.ts'

/** A session both sides have signed. `role` is ours. Credentials are absent in bilateral scope. */
export type SessionRecord = {
  readonly role: 'sender' | 'receiver'
  /** SHA-256 of `open`. */
  readonly session: Uint8Array
  readonly open: Uint8Array
  readonly senderSignature: Uint8Array
  readonly receiverSignature: Uint8Array
  readonly senderCredential?: SignedBytes
  readonly receiverCredential?: SignedBytes
}

/** A tally as it came or went: `added` are its runs that the one before did not have. */
export type TallyRecord = {
  readonly session: Uint8Array
  readonly tally: Uint8Array
  readonly signature: Uint8Array
  readonly bytes: bigint
  readonly added: readonly Run[]
  readonly payment?: Uint8Array
}

/** Where links leave what they have. Calls return at once; the store bounds and orders its own writing. */
export type TallyStore = {
  opened(record: SessionRecord): void
  tallied(record: TallyRecord): void
}

/** A session with its newest tally: what is reported, exported and paid for. */
export type StoredSession = SessionRecord & {
  readonly newest?: Pick<TallyRecord, 'tally' | 'signature' | 'bytes' | 'payment'>
  readonly runs: RunSet
}

/** Folds records into sessions; the memory of every store. A tally that does not grow is dropped. */
export class SessionTable implements TallyStore {
  readonly #sessions = new Map<string, StoredSession>()
  readonly #sessionsMax: number

  /** Above `sessionsMax` the oldest session is forgotten. */
  constructor(sessionsMax = 65_536) {
    this.#sessionsMax = sessionsMax
  }

  opened(record: SessionRecord): void {
    const key = toHex(record.session)
    if (this.#sessions.has(key)) return
    if (this.#sessions.size >= this.#sessionsMax) this.#sessions.delete(this.#sessions.keys().next().value!)
    this.#sessions.set(key, { ...record, runs: new RunSet() })
  }

  /** Returns whether the session is known and the tally newer than its newest. */
  tallied(record: TallyRecord): boolean {
    const key = toHex(record.session)
    const stored = this.#sessions.get(key)
    if (stored === undefined || record.bytes <= (stored.newest?.bytes ?? 0n)) return false
    for (const run of record.added) stored.runs.add(run)
    const { tally, signature, bytes, payment } = record
    const newest = { tally, signature, bytes, ...(payment === undefined ? {} : { payment }) }
    this.#sessions.set(key, { ...stored, newest })
    return true
  }

  forget(session: Uint8Array): void {
    this.#sessions.delete(toHex(session))
  }

  get(session: Uint8Array): StoredSession | undefined {
    return this.#sessions.get(toHex(session))
  }

  sessions(): StoredSession[] {
    return [...this.#sessions.values()]
  }
}
