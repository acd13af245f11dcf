// Goal: what append resolved for is there after any tear; other damage, and a second user, are refused.
import { deepEqual, equal, rejects, throws } from 'node:assert/strict'
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { DecodeError } from '../../base/errors.ts'
import { decodeRecord, encodeRecord } from '../records.ts'
import { openJournal } from './journal.ts'

let dir: string
let next = 0
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tallyswarm-journal-'))
})
after(() => rm(dir, { recursive: true }))
const newPath = () => join(dir, `${next++}.journal`)

async function write(path: string, records: readonly unknown[]): Promise<void> {
  await using journal = await openJournal<unknown>(path)
  await Promise.all(records.map((record) => journal.append(record)))
}
async function read(path: string): Promise<readonly unknown[]> {
  await using journal = await openJournal<unknown>(path)
  return journal.records
}
const records = [{ a: 1n, b: new Uint8Array([1, 2]) }, { c: ['x', { d: -5n }] }, 'text\nwith a newline']

test('records come back as they were, bigints and bytes too, and go on being numbered', async () => {
  const path = newPath()
  await write(path, records)
  await write(path, ['more'])
  deepEqual(await read(path), [...records, 'more'])
})

test('a tear at any byte costs only the record it is in', async () => {
  const path = newPath()
  await write(path, records)
  const whole = await readFile(path)
  const ends = [...whole].flatMap((byte, i) => (byte === 0x0a ? [i + 1] : []))
  for (let length = 0; length < whole.length; length += 7) {
    const torn = newPath()
    await writeFile(torn, whole.subarray(0, length))
    const kept = ends.filter((end) => end <= length).length
    deepEqual(await read(torn), records.slice(0, kept))
    await write(torn, ['after'])
    deepEqual(await read(torn), [...records.slice(0, kept), 'after'])
  }
})

test('a last line whose bytes did not all land is cut off too', async () => {
  const path = newPath()
  await write(path, records)
  await appendFile(path, '00000000 3 "never acknowledged"\n')
  deepEqual(await read(path), records)
})

test('damage before the end, and a missing line, refuse to open', async () => {
  const path = newPath()
  await write(path, records)
  const whole = await readFile(path)
  await writeFile(path, whole.with(12, whole[12]! ^ 1))
  await rejects(openJournal(path), { code: 'JOURNAL_DAMAGED' })
  const lines = whole.toString().split('\n')
  await writeFile(path, [lines[0], lines[2], lines[2], ''].join('\n'))
  await rejects(openJournal(path), { code: 'JOURNAL_DAMAGED' })
})

test('one user at a time; a lock whose process is gone is taken over', async () => {
  const path = newPath()
  {
    await using _ = await openJournal(path)
    await rejects(openJournal(path), { code: 'JOURNAL_LOCKED' })
  }
  await writeFile(`${path}.lock`, '999999999')
  deepEqual(await read(path), [])
})

test('rewriting keeps what the snapshot stands for and what comes after', async () => {
  const path = newPath()
  {
    await using journal = await openJournal<number>(path)
    await Promise.all([1, 2, 3].map((value) => journal.append(value)))
    const pending = journal.append(4) // in the snapshot, like everything appended before
    const rewritten = journal.rewrite(() => [10])
    await pending
    await rewritten
    equal(journal.count, 1)
    await journal.append(5)
  }
  deepEqual(await read(path), [10, 5])
})

test('after a failed write nothing more is taken', async () => {
  const path = newPath()
  const journal = await openJournal<unknown>(path)
  await journal[Symbol.asyncDispose]() // the file is closed: as good as a disk that fails
  await rejects(journal.append('x'), { code: 'JOURNAL_CLOSED' })
  await truncate(path)
})

test('any line decodes or raises DecodeError', () => {
  const line = encodeRecord(0, { a: 1 }, crc32)
  deepEqual(decodeRecord(line, 0, crc32), { a: 1 })
  throws(() => decodeRecord(line, 1, crc32), { name: 'DecodeError', code: 'RECORD_NUMBER' })
  throws(() => decodeRecord(`${line} `, 0, crc32), { name: 'DecodeError', code: 'RECORD_CHECKSUM' })
  throws(() => decodeRecord('x', 0, crc32), { name: 'DecodeError', code: 'RECORD_MALFORMED' })
  fc.assert(
    fc.property(fc.string(), (text) => {
      const body = `0 ${text}`
      const sealed = `${crc32(body).toString(16).padStart(8, '0')} ${body}`
      try {
        decodeRecord(sealed, 0, crc32)
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error
      }
    }),
  )
})
