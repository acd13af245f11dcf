// Goal: requests become few reads and few writes, each is answered once, and nothing is sent that may not be.
import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ShareReader } from '../transfer/reader.ts'
import { BlockPool, LARGE_RUN_BLOCKS, RUN_STRIDE, SMALL_RUN_BLOCKS } from './block-pool.ts'
import { makeShare, type ShareInput, seedOf } from './fixture.ts'
import { Upload, type UploadCarrier } from './upload.ts'
import { WireDecoder } from './wire-decoder.ts'

type Options = {
  readonly input?: ShareInput
  readonly fast?: boolean
  readonly queueMax?: number
  readonly fastSet?: readonly number[]
  readonly read?: ShareReader['read']
  readonly allowance?: number
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

function world({ input, fast = true, queueMax = 100, fastSet = [], read, allowance }: Options = {}) {
  const made = makeShare(input ?? { version: 'v1', pieceLength: 65_536, lengths: [65_536 * 5 + 100] })
  const heard: string[] = []
  const writes: number[] = []
  const reads: number[] = []
  const failures: string[] = []
  const pool = new BlockPool()
  let block = { at: 0, right: true }
  const decoder = new WireDecoder({
    message: (message) => heard.push('piece' in message ? `${message.type} ${message.piece}` : message.type),
    request: () => {},
    blockBegin(piece, begin, length) {
      heard.push(`piece ${piece} ${begin} ${length}`)
      block = { at: piece * made.share.layout.pieceLength + begin, right: true }
    },
    blockBytes(chunk, from, to) {
      for (let i = from; i < to; i++) block.right &&= chunk[i] === made.data[block.at++]
    },
    blockEnd: () => ok(block.right, 'the bytes are those of the share'),
  })
  const state = { nowMs: 0, writable: true, allowance: allowance ?? Number.POSITIVE_INFINITY, sentBytes: 0 }
  const carrier: UploadCarrier = {
    fast,
    nowMs: () => state.nowMs,
    send(bytes, onSent) {
      if (bytes.length > 17) writes.push(bytes.length)
      decoder.feed(bytes)
      if (onSent !== undefined) setImmediate(onSent)
    },
    get writable() {
      return state.writable
    },
    close: (code) => failures.push(code),
    tally: {
      maySend: (bytes) => state.sentBytes + bytes <= state.allowance,
      sent: (_piece, _begin, _length, payloadBytes) => void (state.sentBytes += payloadBytes),
    },
  }
  const { reader } = seedOf(made)
  const counted: ShareReader = {
    ...reader,
    read: (piece, begin, views) => {
      reads.push(views.length)
      return (read ?? reader.read)(piece, begin, views)
    },
  }
  const upload = new Upload(carrier, counted, { pool, queueMax, fastSet: new Set(fastSet) })
  const drain = async () => {
    for (let i = 0; i < 50; i++) await settled()
  }
  return { made, upload, heard, writes, reads, failures, state, drain }
}

test('adjacent requests are one read and one write, across pieces too', async () => {
  const { upload, heard, reads, writes, drain, state } = world()
  upload.unchoke()
  for (let i = 0; i < 4; i++) upload.request(0, i * 16_384, 16_384)
  for (let i = 0; i < 4; i++) upload.request(1, i * 16_384, 16_384)
  upload.pump()
  await drain()
  deepEqual(reads, [4, 4])
  deepEqual(writes, [4 * RUN_STRIDE, 4 * RUN_STRIDE])
  equal(heard.length, 9)
  equal(state.sentBytes, 8 * 16_384)
  equal(upload.sentBytes, 8 * 16_384)
})

test('runs grow for peers that take them quickly', async () => {
  const { upload, reads, drain } = world({ queueMax: 1_000 })
  upload.unchoke()
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 20; i++) upload.request(i >> 2, (i & 3) * 16_384, 16_384)
  }
  upload.pump()
  await drain()
  equal(
    reads.reduce((a, b) => a + b),
    800,
  )
  equal(Math.max(...reads), 20)
  equal(reads[0], SMALL_RUN_BLOCKS)
})

test('any requests get exactly one answer each, with the right bytes', async () => {
  const anyRequest = fc.record({
    piece: fc.nat(5),
    begin: fc.nat(65_535),
    length: fc.integer({ min: 1, max: 70_000 }),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyRequest, { maxLength: 40 }),
      fc.integer({ min: 10, max: 30 }),
      async (all, queueMax) => {
        const { made, upload, heard, drain } = world({ queueMax })
        upload.unchoke()
        let asked = 0
        for (const { piece, begin, length } of all) {
          const room = made.share.layout.v1HashBytes(piece) - begin
          if (room <= 0) continue
          upload.request(piece, begin, Math.min(room, length))
          asked++
        }
        upload.pump()
        await drain()
        equal(heard.length, 1 + asked)
      },
    ),
    { numRuns: 30 },
  )
})

test('padding is served as zeros and never counted', async () => {
  const { upload, drain, state, heard } = world({
    input: { version: 'hybrid', pieceLength: 32_768, lengths: [20_000, 40_000] },
  })
  upload.unchoke()
  upload.request(0, 0, 16_384)
  upload.request(0, 16_384, 16_384)
  upload.pump()
  await drain()
  deepEqual(heard.slice(1), ['piece 0 0 16384', 'piece 0 16384 16384'])
  equal(state.sentBytes, 20_000)
})

test('choked: rejected with the fast extension, dropped without; the allowed fast set is served', async () => {
  const { upload, heard, drain } = world({ fastSet: [2] })
  upload.request(0, 0, 16_384)
  upload.request(2, 0, 16_384)
  upload.pump()
  await drain()
  deepEqual(heard, ['reject 0', 'piece 2 0 16384'])
  const old = world({ fast: false })
  old.upload.request(0, 0, 16_384)
  old.upload.pump()
  await old.drain()
  deepEqual(old.heard, [])
})

test('a choke rejects what waits, in that order, and keeps the allowed fast set', async () => {
  const { upload, heard, drain, state } = world({ fastSet: [2] })
  upload.unchoke()
  state.writable = false
  upload.request(0, 0, 16_384)
  upload.request(2, 0, 16_384)
  upload.choke()
  equal(upload.queued, 1)
  state.writable = true
  upload.pump()
  await drain()
  deepEqual(heard, ['unchoke', 'choke', 'reject 0', 'piece 2 0 16384'])
})

test('a cancelled request is rejected; others in the run are sent', async () => {
  const { upload, heard, drain } = world()
  upload.unchoke()
  for (let i = 0; i < 3; i++) upload.request(0, i * 16_384, 16_384)
  upload.cancel(0, 16_384, 16_384)
  upload.cancel(0, 16_384, 16_384)
  upload.cancel(4, 0, 16_384)
  upload.pump()
  await drain()
  deepEqual(heard, ['unchoke', 'reject 0', 'piece 0 0 16384', 'piece 0 32768 16384'])
})

test('above the queue: rejected, then the connection ends', () => {
  const { upload, heard } = world({ queueMax: 10 })
  upload.unchoke()
  for (let i = 0; i < 11; i++) upload.request(0, 0, 16_384)
  deepEqual([upload.queued, heard], [10, ['unchoke', 'reject 0']])
  throws(
    () => {
      for (let i = 0; i < 100; i++) upload.request(0, 0, 16_384)
    },
    { code: 'REQUEST_FLOOD' },
  )
})

test('a queue that never empties does not grow', async () => {
  const { upload, drain, heard } = world({ queueMax: 10 })
  upload.unchoke()
  let answered = 0
  for (let i = 0; i < 200; i++) {
    while (upload.queued < 10) upload.request(i % 5, 0, 100)
    upload.pump()
    if (i % 5 === 0) await settled()
  }
  await drain()
  answered = heard.filter((text) => text.startsWith('piece')).length
  ok(answered > 100)
  ok(!heard.some((text) => text.startsWith('reject')))
})

test('the tally holds the sender back, and lets it go on', async () => {
  const { upload, heard, drain, state } = world({ allowance: 40_000 })
  upload.unchoke()
  for (let i = 0; i < 4; i++) upload.request(0, i * 16_384, 16_384)
  upload.pump()
  await drain()
  equal(heard.length, 1 + 2)
  equal(upload.heldSinceMs, 0)
  state.allowance = 100_000
  upload.pump()
  await drain()
  equal(heard.length, 1 + 4)
  equal(upload.heldSinceMs, undefined)
})

test('an unchoke starts with the window open', () => {
  const { upload } = world({ allowance: 0 })
  upload.unchoke()
  upload.request(0, 0, 16_384)
  upload.pump()
  equal(upload.heldSinceMs, 0)
  upload.choke()
  upload.unchoke()
  equal(upload.heldSinceMs, undefined)
})

test('a read that fails is rejected, or ends a connection that knows no rejects', async () => {
  const read = () => Promise.reject(new Error('disk'))
  const fast = world({ read })
  fast.upload.unchoke()
  fast.upload.request(0, 0, 16_384)
  fast.upload.pump()
  await fast.drain()
  deepEqual(fast.heard, ['unchoke', 'reject 0'])
  const old = world({ read, fast: false })
  old.upload.unchoke()
  old.upload.request(0, 0, 16_384)
  old.upload.pump()
  await old.drain()
  deepEqual(old.failures, ['READ_FAILED'])
  await rejects(read())
})

test('large buffers are bounded: who gets none makes do with a small one', () => {
  const pool = new BlockPool(2)
  const taken = [1, 2, 3].map(() => pool.take(LARGE_RUN_BLOCKS))
  deepEqual(
    taken.map(({ views }) => views.length),
    [LARGE_RUN_BLOCKS, LARGE_RUN_BLOCKS, SMALL_RUN_BLOCKS],
  )
  for (const buffer of taken) pool.give(buffer)
  equal(pool.take(LARGE_RUN_BLOCKS), taken[1])
  equal(pool.take(1), taken[2])
})
