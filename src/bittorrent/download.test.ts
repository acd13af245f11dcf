// Goal: the right requests are under way, each block lands once where it belongs, and a peer that lies or sleeps is
// found out.
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { Download, type DownloadCarrier, SNUB_MS } from './download.ts'
import { makeShare, memoryDownload } from './fixture.ts'
import { RemotePieces } from './remote-pieces.ts'
import * as wire from './wire.ts'
import { WireDecoder } from './wire-decoder.ts'

type Block = readonly [piece: number, begin: number, length: number]

function world({ fast = true, requestsMax = 8, pieces = 'all' as Uint8Array | 'all' } = {}) {
  const made = makeShare({ version: 'v1', pieceLength: 65_536, lengths: [65_536 * 6] })
  const { transfer, parts, data } = memoryDownload(made.share)
  const asked: Block[] = []
  const said: string[] = []
  const failures: string[] = []
  const closes: string[] = []
  const state = { nowMs: 0, verified: 0, wasted: 0 }
  const decoder = new WireDecoder({
    message: (message) => said.push(message.type),
    request: (...block) => asked.push(block),
    blockBegin: () => {},
    blockBytes: () => {},
    blockEnd: () => {},
  })
  const carrier: DownloadCarrier = {
    label: 'peer',
    fast,
    nowMs: () => state.nowMs,
    send: (bytes) => decoder.feed(bytes),
    close: (code) => failures.push(code),
    sourceClosed: ({ code }) => closes.push(code),
    tally: {
      verified: (_p, _b, _l, bytes) => void (state.verified += bytes),
      wasted: (bytes) => void (state.wasted += bytes),
    },
    pieceVerified: () => {},
  }
  const remote = new RemotePieces()
  remote.set(pieces)
  remote.start(made.share.layout.pieceCount)
  const download = new Download(carrier, remote, made.share.layout, requestsMax)
  download.pipeline.max = requestsMax
  const answer = ([piece, begin, length]: Block, bytes?: Uint8Array) => {
    const start = piece * made.share.layout.pieceLength + begin
    const block = bytes ?? made.data.subarray(start, start + length)
    download.blockBegin(piece, begin, length)
    download.blockBytes(block, 0, length >> 1)
    download.blockBytes(block, length >> 1, length)
    download.blockEnd()
  }
  const tick = (nowMs: number) => {
    state.nowMs = nowMs
    download.tick(nowMs)
  }
  download.attach(parts.attach!)
  return { made, transfer, data, download, remote, asked, said, failures, closes, state, answer, tick }
}

test('tells interest, asks in one batch when unchoked, and finishes the share', async () => {
  const { made, data, download, asked, said, answer, state } = world()
  deepEqual([said, asked], [['interested'], []])
  download.unchoke()
  download.pump()
  equal(asked.length, 8)
  for (let i = 0; i < asked.length; i++) {
    answer(asked[i]!)
    if (i % 4 === 3) {
      await Promise.resolve()
      download.pump()
    }
  }
  await Promise.resolve()
  deepEqual(data, made.data)
  equal(state.verified, made.share.layout.payloadBytes)
  equal(download.receivedBytes, made.share.layout.payloadBytes)
  equal(new Set(asked.map(String)).size, 24, 'no block twice')
})

test('one request too many is never under way, and the peer’s own limit counts', () => {
  const { download, asked } = world({ requestsMax: 8 })
  download.pipeline.max = 3
  download.unchoke()
  download.pump()
  equal(asked.length, 3)
  equal(download.outstanding, 3)
})

test('a choke without the fast extension drops the requests, with it they stay', () => {
  for (const fast of [false, true]) {
    const { download } = world({ fast })
    download.unchoke()
    download.pump()
    download.choke()
    equal(download.outstanding, fast ? 8 : 0)
  }
})

test('late answers to what was given up are excused, others end the connection', () => {
  const { download, asked, answer } = world({ fast: false })
  download.unchoke()
  download.pump()
  const given = [...asked]
  download.choke()
  for (const block of given) answer(block)
  throws(
    () => {
      for (let i = 0; i < 9; i++) answer(given[0]!)
    },
    { code: 'UNREQUESTED_BLOCK' },
  )
})

test('a block in the middle of a cancel goes nowhere', () => {
  const { download, asked, transfer, said, made } = world()
  download.unchoke()
  download.pump()
  const [piece, begin, length] = asked[0]!
  const before = transfer.arena.slice()
  download.blockBegin(piece, begin, length)
  download.cancel(piece, begin, length)
  download.blockBytes(made.data, 0, length)
  download.blockEnd()
  deepEqual(transfer.arena, before)
  equal(download.receivedBytes, 0)
  const other = asked[1]!
  download.cancel(...other)
  equal(said.at(-1), 'cancel')
})

test('a peer that rejects what it claims is not believed any more', () => {
  const { download, asked, remote } = world()
  download.unchoke()
  download.pump()
  const [piece] = asked[0]!
  const ofPiece = asked.filter(([p]) => p === piece)
  for (const [, begin] of ofPiece.slice(0, 2)) download.reject(piece, begin)
  ok(remote.bits!.has(piece))
  download.reject(piece, ofPiece[2]![1])
  ok(!remote.bits!.has(piece))
})

test('rejects of what was never asked end the connection', () => {
  const { download } = world()
  throws(
    () => {
      for (let i = 0; i < 9; i++) download.reject(0, 0)
    },
    { code: 'UNREQUESTED_REJECT' },
  )
})

test('no answer: snubbed, one request at a time, then the connection ends', () => {
  const { download, asked, failures, tick } = world()
  download.unchoke()
  download.pump()
  equal(asked.length, 8)
  tick(SNUB_MS + 1)
  ok(download.snubbed)
  deepEqual([download.outstanding, failures], [1, []])
  for (let n = 2; n < 5; n++) tick(n * (SNUB_MS + 1))
  deepEqual(failures, ['NO_ANSWER'])
})

test('a peer that answers again is asked for more again', () => {
  const { download, asked, answer, tick } = world()
  download.unchoke()
  download.pump()
  tick(SNUB_MS + 1)
  ok(download.snubbed)
  answer(asked.at(-1)!)
  ok(!download.snubbed)
})

test('after the transfer let go nothing more is asked or written', () => {
  const { download, asked, answer, closes, transfer } = world()
  download.unchoke()
  download.pump()
  const block = asked[0]!
  download.close({ code: 'stopped' })
  deepEqual(closes, ['stopped'])
  const before = transfer.arena.slice()
  answer(block)
  download.pump()
  download.wake()
  deepEqual(transfer.arena, before)
  equal(download.outstanding, 0)
})

test('pieces said before the share is known count when it is', () => {
  const pieces = new RemotePieces()
  pieces.have(3)
  throws(() => pieces.set('all'), { code: 'BITFIELD_TWICE' })
  equal(pieces.start(5).count, 1)
  throws(() => pieces.have(5), { code: 'PIECE_RANGE' })
  const early = new RemotePieces()
  early.set(Uint8Array.of(0xff, 0xff))
  throws(() => early.start(17), { code: 'BITFIELD_LENGTH' })
  const late = new RemotePieces()
  late.have(9)
  throws(() => late.start(5), { code: 'PIECE_RANGE' })
})

test('requests leave as the wire has them', () => {
  deepEqual(
    wire.encodeFixed(wire.CANCEL, 1, 2, 3),
    wire.encodeTriples(wire.CANCEL, Int32Array.of(1, 2, 3), 1),
  )
})

test('a later bitfield adds pieces, as aria2 sends it; without news it is a flood', () => {
  const pieces = new RemotePieces()
  pieces.start(8)
  pieces.set(Uint8Array.of(0b1000_0000))
  pieces.set(Uint8Array.of(0b0100_0000))
  equal(pieces.bits!.count, 2)
  const repeat = () => {
    for (let i = 0; i < 65; i++) pieces.set(Uint8Array.of(0b0100_0000))
  }
  throws(repeat, { code: 'BITFIELD_TWICE' })
})
