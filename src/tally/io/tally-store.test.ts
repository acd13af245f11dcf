// Goal: what was signed survives a kill -9, a torn tail and damage, and never lowers.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { DecodeError } from '../../base/errors.ts'
import type { ScopeId, ShareId } from '../../base/ids.ts'
import { decodeRecord, encodeSessionRecord, encodeTallyRecord } from '../journal-record.ts'
import { encodeOpen, type Open, sessionIdOf } from '../open.ts'
import { RunSet } from '../runs.ts'
import { type SessionRecord, SessionTable, type TallyRecord } from '../store.ts'
import { encodeTally, tallyOf } from '../tally.ts'
import { REPORT_LIFE_S } from '../verify.ts'
import { openTallyStore } from './tally-store.ts'

const OPENED_S = 1_790_000_000
const nowS = () => OPENED_S
let folder: string
let files = 0
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tally-store-'))
})
after(() => rm(folder, { recursive: true }))
const fresh = () => join(folder, `journal-${files++}`)

const filled = (length: number, value: number) => new Uint8Array(length).fill(value)
function session(n: number, openedS = OPENED_S): { open: Open; record: SessionRecord } {
  const open: Open = {
    scope: filled(32, 1) as ScopeId,
    share: filled(32, 2) as ShareId,
    senderKey: filled(32, 3),
    receiverKey: filled(32, 4),
    senderNonce: filled(16, n),
    receiverNonce: filled(16, 6),
    openedS,
    quote: filled(32, 0),
    transport: filled(32, 7),
  }
  const bytes = encodeOpen(open)
  const credential = { document: filled(120, 8), signature: filled(64, 9) }
  return {
    open,
    record: {
      role: n % 2 === 0 ? 'sender' : 'receiver',
      session: sessionIdOf(bytes),
      open: bytes,
      senderSignature: filled(64, 10),
      receiverSignature: filled(64, 11),
      ...(n !== 3 && { senderCredential: credential, receiverCredential: credential }),
    },
  }
}
function tally(
  { open, record }: ReturnType<typeof session>,
  blocks: number,
  payment?: Uint8Array,
): TallyRecord {
  const set = new RunSet()
  set.add({ start: 0, count: blocks })
  const bytes = BigInt(blocks * 16_384)
  return {
    session: record.session,
    tally: encodeTally(tallyOf(open, record.session, { bytes, blocks: set.digest() })),
    signature: filled(64, blocks),
    bytes,
    added: [{ start: blocks - 1, count: 1 }],
    ...(payment && { payment }),
  }
}

test('records come back as they were', () => {
  for (const n of [0, 1, 3]) {
    const { record } = session(n)
    deepEqual(decodeRecord(encodeSessionRecord(record)), { kind: 'session', record })
  }
  for (const paid of [undefined, filled(5, 1)]) {
    const record = tally(session(0), 3, paid)
    deepEqual(decodeRecord(encodeTallyRecord(record)), { kind: 'tally', record })
  }
})

test('any bytes are a record, or raise DecodeError', () => {
  const good = encodeTallyRecord(tally(session(0), 3))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat(good.length), (noise, at) => {
      const spoiled = good.slice()
      spoiled.set(noise.subarray(0, good.length - at), at)
      for (const bytes of [noise, spoiled, good.subarray(0, at)]) {
        try {
          decodeRecord(bytes)
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error
        }
      }
    }),
  )
})

async function written(path: string): Promise<void> {
  await using store = await openTallyStore(path, { nowS })
  const [a, b] = [session(0), session(1)]
  store.opened(a.record)
  store.opened(b.record)
  for (let blocks = 1; blocks <= 5; blocks++) store.tallied(tally(a, blocks, filled(3, blocks)))
  store.tallied(tally(b, 2))
}
const bytesIn = async (path: string) => {
  await using store = await openTallyStore(path, { nowS })
  return store.sessions().map(({ newest }) => Number(newest?.bytes ?? 0n) / 16_384)
}

test('the newest tally of each session is there after a restart, with all its runs', async () => {
  const path = fresh()
  await written(path)
  await using store = await openTallyStore(path, { nowS })
  const [a, b] = store.sessions()
  deepEqual(a?.runs.runs(), [{ start: 0, count: 5 }])
  deepEqual(a?.newest?.payment, filled(3, 5))
  equal(b?.newest?.bytes, 2n * 16_384n)
  equal(b.role, 'receiver')
})

test('a tally that is lower or comes again changes nothing, on disk as in memory', async () => {
  const path = fresh()
  await written(path)
  {
    await using store = await openTallyStore(path, { nowS })
    store.tallied(tally(session(0), 3))
    store.tallied(tally(session(0), 5))
    store.tallied(tally(session(9), 5))
  }
  deepEqual(await bytesIn(path), [5, 2])
})

test('every torn tail loses at most what was torn', async () => {
  const path = fresh()
  await written(path)
  const whole = await readFile(path)
  for (let length = whole.length - 1; length > 8; length -= 97) {
    const torn = fresh()
    await writeFile(torn, whole.subarray(0, length))
    const before = await bytesIn(torn)
    ok(before.every((bytes) => bytes <= 5))
    deepEqual(await bytesIn(torn), before, 'and what is appended after it is read again')
  }
  const torn = fresh()
  await writeFile(torn, whole.subarray(0, whole.length - 1))
  deepEqual(await bytesIn(torn), [5, 0])
  {
    await using store = await openTallyStore(torn, { nowS })
    store.tallied(tally(session(1), 4))
  }
  deepEqual(await bytesIn(torn), [5, 4])
})

test('damage is noticed, kept aside, and not believed', async () => {
  const path = fresh()
  await written(path)
  const whole = await readFile(path)
  whole[whole.length - 100]! ^= 1
  await writeFile(path, whole)
  deepEqual(await bytesIn(path), [5, 0])
  deepEqual(await readFile(`${path}.damaged`), whole)
  const huge = fresh()
  await written(huge)
  await appendFile(huge, filled(64, 255))
  deepEqual(await bytesIn(huge), [5, 2])
})

test('a file that is something else is left alone', async () => {
  const path = fresh()
  await writeFile(path, 'my diary, do not touch')
  await rejects(openTallyStore(path, { nowS }), { code: 'TALLY_STORE_FORMAT' })
  equal(await readFile(path, 'utf8'), 'my diary, do not touch')
})

test('a long journal is written anew, without sessions that are too old', async () => {
  const path = fresh()
  const old = session(2, OPENED_S - REPORT_LIFE_S - 1)
  const current = session(0)
  const big = filled(2000, 1)
  {
    await using store = await openTallyStore(path, { nowS })
    store.opened(old.record)
    store.tallied(tally(old, 1))
    store.opened(current.record)
    for (let blocks = 1; blocks <= 6000; blocks++) {
      store.tallied(tally(current, blocks, big))
      if (blocks % 1000 === 0) await store.flush()
    }
  }
  ok((await readFile(path)).length < 6000 * 2000)
  deepEqual(await bytesIn(path), [6000])
})

test('a process that is killed loses nothing that was flushed', async () => {
  const path = fresh()
  const script = `
    import { openTallyStore } from ${JSON.stringify(new URL('./tally-store.ts', import.meta.url).href)}
    import { decodeRecord } from ${JSON.stringify(new URL('../journal-record.ts', import.meta.url).href)}
    const store = await openTallyStore(${JSON.stringify(path)}, { nowS: () => ${OPENED_S} })
    const bytes = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'))
    store.opened(decodeRecord(bytes(${JSON.stringify(Buffer.from(encodeSessionRecord(session(0).record)).toString('hex'))})).record)
    store.tallied(decodeRecord(bytes(${JSON.stringify(Buffer.from(encodeTallyRecord(tally(session(0), 4))).toString('hex'))})).record)
    await store.flush()
    process.kill(process.pid, 'SIGKILL')
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
  const [, signal] = await once(child, 'exit')
  equal(signal, 'SIGKILL')
  deepEqual(await bytesIn(path), [4])
})

test('a table is bounded: the oldest session goes first', () => {
  const table = new SessionTable(2)
  for (const n of [0, 1, 2]) table.opened(session(n).record)
  deepEqual(
    table.sessions().map(({ session }) => session),
    [session(1).record.session, session(2).record.session],
  )
})
