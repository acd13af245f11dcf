// Goal: each address once, so many and no more, ever later after failures, never after a ban.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { infoHashV1, infoHashV2, peerId } from '../base/ids.ts'
import { agreeOn, duplicateToDrop, truncated } from './admission.ts'
import { ConnectionBudget } from './connection-budget.ts'
import { PeerBook } from './peer-book.ts'
import { PipelineDepth } from './pipeline.ts'

const at = (port: number, host = '10.0.0.1') => ({ host, port })

test('keeps each address once and refuses what cannot be dialled', () => {
  const book = new PeerBook(10)
  ok(book.add(at(1)) && !book.add(at(1)) && book.add(at(1, 'Example.org')) && !book.add(at(1, 'example.ORG')))
  for (const port of [0, -1, 65_536, 1.5]) ok(!book.add(at(port)))
  ok(!book.add(at(1, '')) && !book.add(at(1, 'x'.repeat(256))))
  ok(book.add(at(1, '127.0.0.1')), 'loopback is dialled when it is told explicitly')
  equal(book.size, 3)
})

test('is bounded: new addresses are dropped and counted, failing ones make room', () => {
  const book = new PeerBook(2)
  ok(book.add(at(1)) && book.add(at(2)) && !book.add(at(3)))
  equal(book.dropped, 1)
  for (let i = 0; i < 3; i++) {
    equal(book.next(1e12)?.port, 1)
    book.ended(at(1), 0)
  }
  ok(book.add(at(3)))
  equal(book.size, 2)
})

test('waits longer after each failure, forgets after the last', () => {
  const book = new PeerBook(2)
  book.add(at(1))
  let nowMs = 0
  for (const waitMs of [5_000, 10_000, 20_000, 40_000]) {
    deepEqual(book.next(nowMs), at(1))
    equal(book.next(nowMs), undefined, 'not twice at once')
    book.ended(at(1), nowMs)
    equal(book.next(nowMs + waitMs - 1), undefined)
    nowMs += waitMs
  }
  book.proved(at(1))
  for (let i = 0; i < 9; i++) {
    book.next(1e15)
    book.ended(at(1), 0)
  }
  equal(book.size, 0)
})

test('a banned address is never dialled again and cannot be added anew', () => {
  const book = new PeerBook(2)
  book.add(at(1))
  book.ban(at(1))
  book.ban(at(1))
  book.ban(at(7))
  equal(book.banned, 2)
  ok(book.isBanned(at(1)) && book.isBanned(at(7)) && !book.isBanned(at(8)))
  book.ended(at(1), 0)
  equal(book.next(1e12), undefined)
  ok(!book.add(at(1)))
})

test('the budget counts in all and per host', () => {
  const budget = new ConnectionBudget(3, 2)
  ok(budget.take('a') && budget.take('a') && !budget.take('a') && budget.take('b') && !budget.take('c'))
  budget.give('a')
  budget.give('nobody')
  ok(budget.take('c'))
  equal(budget.count, 3)
})

const v1 = infoHashV1(new Uint8Array(20).fill(1))
const v2 = infoHashV2(new Uint8Array(32).fill(2))
const hello = (infoHash: Uint8Array, speaksV2: boolean) => ({
  extensions: true,
  fast: true,
  v2: speaksV2,
  infoHash,
  peerId: peerId(new Uint8Array(20)),
})

test('hybrids: both info hashes are ours, and v1 is upgraded when offered (BEP 52)', () => {
  const hybrid = { infoHashV1: v1, infoHashV2: v2 }
  const old = { infoHashV1: v1, infoHashV2: undefined }
  deepEqual(agreeOn(hybrid, hello(v1, true), false), { infoHash: truncated(v2), wire: 'v2' })
  deepEqual(agreeOn(hybrid, hello(v1, false), false), { infoHash: v1, wire: 'v1' })
  deepEqual(agreeOn(hybrid, hello(truncated(v2), false), false), { infoHash: truncated(v2), wire: 'v2' })
  deepEqual(agreeOn(hybrid, hello(v1, true), true), { infoHash: v1, wire: 'v1' }, 'the answer decides')
  deepEqual(agreeOn(old, hello(v1, true), false), { infoHash: v1, wire: 'v1' })
  equal(agreeOn(old, hello(truncated(v2), true), false), undefined)
  equal(agreeOn({ infoHashV1: undefined, infoHashV2: v2 }, hello(v1, true), false), undefined)
})

test('of two connections made at once both ends keep the same one', () => {
  const [a, b] = [peerId(new Uint8Array(20).fill(1)), peerId(new Uint8Array(20).fill(2))]
  for (const aDialledFirst of [true, false]) {
    const atA = duplicateToDrop(
      { ours: a, theirs: b },
      { weDialled: aDialledFirst, ageMs: 10 },
      !aDialledFirst,
    )
    const atB = duplicateToDrop(
      { ours: b, theirs: a },
      { weDialled: !aDialledFirst, ageMs: 10 },
      aDialledFirst,
    )
    equal(atA, atB)
  }
  equal(duplicateToDrop({ ours: b, theirs: a }, { weDialled: false, ageMs: 60_000 }, true), 'newer')
  equal(duplicateToDrop({ ours: b, theirs: a }, { weDialled: true, ageMs: 0 }, true), 'newer')
})

test('the pipeline doubles while speed grows, then follows speed times latency, within the bound', () => {
  const pipeline = new PipelineDepth(512)
  equal(pipeline.depth, 32)
  for (let i = 0; i < 1_000; i++) pipeline.blockArrived(10)
  equal(pipeline.depth, 512)
  pipeline.measured(1_600_000)
  pipeline.measured(1_600_000)
  equal(pipeline.depth, 99) // 1.6 MB/s x (1 s + 10 ms) / 16 KiB
  pipeline.measured(1_000)
  equal(pipeline.depth, 4)
  pipeline.snubbed()
  equal(pipeline.depth, 1)
  pipeline.recovered()
  equal(pipeline.depth, 4)
  pipeline.max = 2
  equal(pipeline.depth, 2)
})
