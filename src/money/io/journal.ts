/**
 * An append-only, checksummed journal on disk. What `append` has resolved for is there after any crash.
 *
 * A torn last line (a crash in the middle of a write) is cut off on opening; damage anywhere else refuses
 * to open, since going on could pay twice. Appends that come while a write is under way share the next one.
 * After a failed write nothing more is taken: what is on disk is then uncertain until the journal is opened
 * anew.
 *
 * @module
 */
import { type FileHandle, mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { CodedError, codeOf, messageOf } from '../../base/errors.ts'
import { takePidLock } from '../../base/io/pid-lock.ts'
import { decodeRecord, encodeRecord } from '../records.ts'

const FILE_MODE = 0o600

export type Journal<R> = AsyncDisposable & {
  /** What was there when it was opened. */
  readonly records: readonly R[]
  /** Records now in the file: says when to `rewrite`. */
  readonly count: number
  /** Resolves when the record is on disk. @throws {CodedError<'JOURNAL_FAILED'>} */
  append(record: R): Promise<void>
  /**
   * Replaces all records atomically by an equivalent, shorter list, which must also stand for every record
   * appended before `snapshot` is called, resolved or not: apply a record to memory before appending it.
   */
  rewrite(snapshot: () => readonly R[]): Promise<void>
}

/** @throws {CodedError<'JOURNAL_LOCKED' | 'JOURNAL_DAMAGED'>} */
export async function openJournal<R>(path: string): Promise<Journal<R>> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await using opened = new AsyncDisposableStack()
  opened.use(await lock(path))
  const { records, goodBytes } = readRecords<R>(await readOrEmpty(path), path)
  const file = await open(path, 'a', FILE_MODE)
  await file.truncate(goodBytes)
  await file.sync()
  return new FileJournal({ path, file, records, lock: opened.move() })
}

type Waiting = { readonly resolve: () => void; readonly reject: (error: Error) => void }

class FileJournal<R> implements Journal<R> {
  readonly records: readonly R[]
  readonly #path: string
  readonly #lock: AsyncDisposable
  #file: FileHandle
  #count: number
  #lines: string[] = []
  #waiting: Waiting[] = []
  #working: Promise<void> = Promise.resolve()
  #failure: CodedError | undefined

  constructor(made: {
    readonly path: string
    readonly file: FileHandle
    readonly records: readonly R[]
    readonly lock: AsyncDisposable
  }) {
    this.#path = made.path
    this.#file = made.file
    this.records = made.records
    this.#count = made.records.length
    this.#lock = made.lock
  }

  get count(): number {
    return this.#count
  }

  append(record: R): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    this.#lines.push(`${encodeRecord(this.#count++, record, crc32)}\n`)
    if (this.#lines.length === 1) this.#then(() => this.#flush())
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  rewrite(snapshot: () => readonly R[]): Promise<void> {
    return this.#then(async () => {
      // From here to the first await nothing else runs: what is pending is in the snapshot, what comes later
      // is not.
      const waiting = this.#waiting.splice(0)
      this.#lines = []
      const records = snapshot()
      this.#count = records.length
      try {
        await this.#replace(
          records.map((record, number) => `${encodeRecord(number, record, crc32)}\n`).join(''),
        )
        for (const { resolve } of waiting) resolve()
      } catch (cause) {
        this.#fail(cause, waiting)
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#working
    if (this.#failure?.code === 'JOURNAL_CLOSED') return
    this.#failure ??= new CodedError('JOURNAL_CLOSED', `${this.#path} is closed`)
    await this.#file.close()
    await this.#lock[Symbol.asyncDispose]()
  }

  #then(work: () => Promise<void>): Promise<void> {
    this.#working = this.#working.then(work)
    return this.#working
  }

  async #flush(): Promise<void> {
    const lines = this.#lines.splice(0)
    const waiting = this.#waiting.splice(0)
    try {
      if (this.#failure !== undefined) throw this.#failure
      if (lines.length > 0) {
        await this.#file.appendFile(lines.join(''))
        await this.#file.datasync()
      }
      for (const { resolve } of waiting) resolve()
    } catch (cause) {
      this.#fail(cause, waiting)
    }
  }

  async #replace(text: string): Promise<void> {
    const file = await open(`${this.#path}.new`, 'w', FILE_MODE)
    await file.appendFile(text)
    await file.sync()
    await rename(`${this.#path}.new`, this.#path)
    await syncFolder(this.#path)
    await this.#file.close()
    this.#file = file
  }

  #fail(cause: unknown, waiting: readonly Waiting[]): void {
    this.#failure ??= new CodedError('JOURNAL_FAILED', `cannot write ${this.#path}`, { cause })
    for (const { reject } of waiting) reject(this.#failure)
  }
}

function readRecords<R>(bytes: Buffer, path: string): { records: R[]; goodBytes: number } {
  const records: R[] = []
  let goodBytes = 0
  while (goodBytes < bytes.length) {
    const end = bytes.indexOf(0x0a, goodBytes)
    if (end < 0) break // torn: the newline is the last byte of a write
    try {
      records.push(decodeRecord(bytes.toString('utf8', goodBytes, end), records.length, crc32) as R)
    } catch (cause) {
      if (end === bytes.length - 1) break // torn in another way: blocks of one write may land in any order
      const details = { line: records.length + 1, reason: codeOf(cause) }
      throw new CodedError('JOURNAL_DAMAGED', `${path} is damaged: restore it from a backup`, {
        cause,
        details,
      })
    }
    goodBytes = end + 1
  }
  return { records, goodBytes }
}

async function readOrEmpty(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return Buffer.alloc(0)
    throw error
  })
}

/** One user at a time. */
async function lock(path: string): Promise<AsyncDisposable> {
  try {
    return await takePidLock(`${path}.lock`)
  } catch (cause) {
    if (codeOf(cause) !== 'LOCKED') throw cause
    throw new CodedError(
      'JOURNAL_LOCKED',
      `${path} is in use: ${messageOf(cause)}; remove that file if it is not so`,
      { cause },
    )
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r')
  await folder.sync().finally(() => folder.close())
}
