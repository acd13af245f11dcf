/**
 * Sessions and tallies in an append-only file: what a crash leaves is read up to its last whole record.
 *
 * Source: docs/TALLY.md, "Journal". A tally never lowers one before it, whatever the order of records.
 *
 *   0  8  magic "TSWMTLJ1"
 *   then records: length 4 | CRC-32 of the payload 4 | payload (journal-record.ts)
 *
 * @module
 */
import { copyFile, type FileHandle, mkdir, open, readFile, rename, truncate } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { bytesEqual, concatBytes, utf8, viewOf } from '../../base/bytes.ts'
import { CodedError, DecodeError } from '../../base/errors.ts'
import { decodeRecord, encodeSessionRecord, encodeTallyRecord, RECORD_BYTES_MAX } from '../journal-record.ts'
import { decodeOpen } from '../open.ts'
import {
  type SessionRecord,
  SessionTable,
  type StoredSession,
  type TallyRecord,
  type TallyStore,
} from '../store.ts'
import { REPORT_LIFE_S } from '../verify.ts'

const MAGIC = utf8('TSWMTLJ1')
const HEAD_BYTES = 8
/** Tallies of a busy moment are written together: what a kill may lose is bounded by this and by one write. */
const WRITE_EVERY_MS = 25
/** Written at most this much later to the disk itself. */
const SYNC_EVERY_MS = 1000
/** Waiting for the disk; beyond it records stay in memory and the file is written anew once the disk is back. */
const PENDING_BYTES_MAX = 2 ** 24
/** The file is written anew when it has grown by this beyond what is still needed. */
const COMPACT_BYTES = 2 ** 23

function framed(payload: Uint8Array): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES)
  viewOf(head).setUint32(0, payload.length)
  viewOf(head).setUint32(4, crc32(payload))
  return concatBytes(head, payload)
}

/** Puts whole records into the table; returns where the first bad one begins, and whether it is merely cut off. */
function replay(file: Uint8Array, table: SessionTable): { end: number; torn: boolean } {
  let offset = MAGIC.length
  while (offset < file.length) {
    if (offset + HEAD_BYTES > file.length) return { end: offset, torn: true }
    const length = viewOf(file).getUint32(offset)
    const payload = file.subarray(offset + HEAD_BYTES, offset + HEAD_BYTES + length)
    if (length > RECORD_BYTES_MAX) return { end: offset, torn: false }
    if (payload.length < length) return { end: offset, torn: true }
    if (crc32(payload) !== viewOf(file).getUint32(offset + 4)) return { end: offset, torn: false }
    try {
      const entry = decodeRecord(payload)
      if (entry.kind === 'session') table.opened(entry.record)
      else table.tallied(entry.record)
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      return { end: offset, torn: false }
    }
    offset += HEAD_BYTES + length
  }
  return { end: offset, torn: false }
}

function snapshot(table: SessionTable): Uint8Array {
  const parts: Uint8Array[] = [MAGIC]
  for (const stored of table.sessions()) {
    parts.push(framed(encodeSessionRecord(stored)))
    const { newest, runs, session } = stored
    if (newest !== undefined)
      parts.push(framed(encodeTallyRecord({ ...newest, session, added: runs.runs() })))
  }
  return concatBytes(...parts)
}

/** A tally store in one file. One process at a time. */
export class TallyFileStore implements TallyStore, AsyncDisposable {
  readonly #path: string
  readonly #nowS: () => number
  readonly #table: SessionTable
  #handle: FileHandle
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #fileBytes: number
  #neededBytes: number
  /** The file lacks something the table has. */
  #stale = false
  #writing: Promise<void> | undefined
  #writeTimer: NodeJS.Timeout | undefined
  #syncTimer: NodeJS.Timeout | undefined
  #failure: unknown

  constructor(made: {
    path: string
    nowS: () => number
    table: SessionTable
    handle: FileHandle
    bytes: number
  }) {
    this.#path = made.path
    this.#nowS = made.nowS
    this.#table = made.table
    this.#handle = made.handle
    this.#fileBytes = made.bytes
    this.#neededBytes = made.bytes
  }

  opened(record: SessionRecord): void {
    this.#table.opened(record)
    this.#append(encodeSessionRecord(record))
  }

  tallied(record: TallyRecord): void {
    if (this.#table.tallied(record)) this.#append(encodeTallyRecord(record))
  }

  sessions(): StoredSession[] {
    return this.#table.sessions()
  }

  /** Resolves when everything so far is on the disk. @throws {CodedError<'TALLY_STORE_WRITE'>} */
  async flush(): Promise<void> {
    clearTimeout(this.#writeTimer)
    clearTimeout(this.#syncTimer)
    this.#writeTimer = undefined
    this.#syncTimer = undefined
    do {
      this.#start()
      await this.#writing
    } while (this.#pending.length > 0 && this.#failure === undefined)
    if (this.#failure === undefined) return this.#handle.datasync()
    throw new CodedError('TALLY_STORE_WRITE', `cannot write ${this.#path}`, { cause: this.#failure })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.flush()
    } finally {
      await this.#handle.close()
    }
  }

  #append(payload: Uint8Array): void {
    if (this.#stale || this.#pendingBytes > PENDING_BYTES_MAX) {
      this.#stale = true
    } else {
      const record = framed(payload)
      this.#pending.push(record)
      this.#pendingBytes += record.length
    }
    this.#writeTimer ??= setTimeout(() => {
      this.#writeTimer = undefined
      this.#start()
    }, WRITE_EVERY_MS)
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined
      this.flush().catch(() => undefined) // kept in #failure; the next flush tries again and says so
    }, SYNC_EVERY_MS).unref()
  }

  #start(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
  }

  async #write(): Promise<void> {
    try {
      while (this.#pending.length > 0 || this.#stale) {
        if (this.#stale || this.#fileBytes > 2 * this.#neededBytes + COMPACT_BYTES) {
          await this.#rewrite()
          continue
        }
        const bytes = concatBytes(...this.#pending)
        this.#pending = []
        this.#pendingBytes = 0
        await this.#handle.appendFile(bytes)
        this.#fileBytes += bytes.length
      }
      this.#failure = undefined
    } catch (error) {
      this.#failure = error
      this.#stale = true
    }
  }

  /** The newest of every session that is not too old, in a new file that takes the old one's place. */
  async #rewrite(): Promise<void> {
    for (const { session, open: bytes } of this.#table.sessions()) {
      if (decodeOpen(bytes).openedS < this.#nowS() - REPORT_LIFE_S) this.#table.forget(session)
    }
    this.#pending = []
    this.#pendingBytes = 0
    this.#stale = false
    const bytes = snapshot(this.#table)
    await writeWhole(`${this.#path}.new`, bytes)
    await rename(`${this.#path}.new`, this.#path)
    const old = this.#handle
    this.#handle = await open(this.#path, 'a')
    this.#fileBytes = this.#neededBytes = bytes.length
    await old.close()
  }
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'w', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.datasync()
  } finally {
    await handle.close()
  }
}

/**
 * Opens or makes a store. A record cut off by a crash is dropped; a damaged file is kept as `PATH.damaged`, and read
 * up to the damage.
 *
 * @throws {CodedError<'TALLY_STORE_FORMAT'>} for a file that is no tally journal
 */
export async function openTallyStore(path: string, parts: { nowS: () => number }): Promise<TallyFileStore> {
  await mkdir(dirname(path), { recursive: true })
  const table = new SessionTable()
  const read = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return new Uint8Array(0)
    throw error
  })
  const file = new Uint8Array(read) // plain: what is read lives on, and a Buffer's slice and JSON are not an array's
  const head = file.subarray(0, MAGIC.length)
  if (!bytesEqual(head, MAGIC.subarray(0, head.length))) {
    throw new CodedError('TALLY_STORE_FORMAT', `${path} is not a tally journal`)
  }
  if (head.length < MAGIC.length) {
    await writeWhole(path, MAGIC)
    return new TallyFileStore({ path, table, ...parts, handle: await open(path, 'a'), bytes: MAGIC.length })
  }
  const { end, torn } = replay(file, table)
  if (end < file.length) {
    if (!torn) await copyFile(path, `${path}.damaged`)
    await truncate(path, end)
  }
  return new TallyFileStore({ path, table, ...parts, handle: await open(path, 'a'), bytes: end })
}
