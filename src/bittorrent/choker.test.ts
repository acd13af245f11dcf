// Goal: slots go to those who give while we download, to everybody in turn while we seed, and by policy without tallies.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ChokePeer, Choker, type ChokerSettings } from './choker.ts'

const SETTINGS: ChokerSettings = {
  slots: 3,
  optimisticSlots: 1,
  noTallyPolicy: 'serve',
  seeding: 'round-robin',
}
const peer = (id: number, more: Partial<ChokePeer> = {}): ChokePeer => ({
  id,
  interested: true,
  choked: true,
  changedMs: 0,
  downloadBytesPerS: 0,
  uploadBytesPerS: 0,
  tallies: 'off',
  maySend: true,
  ...more,
})
const choker = (more: Partial<ChokerSettings> = {}, fraction = () => 0) =>
  new Choker({ ...SETTINGS, ...more }, fraction)
const ids = (set: ReadonlySet<number>) => [...set].toSorted((a, b) => a - b)

test('tit for tat: the best givers keep slots, one more is tried in turn', () => {
  const peers = [1, 2, 3, 4, 5].map((id) => peer(id, { downloadBytesPerS: id * 1_000 }))
  const chosen = choker({}, () => 0.99).round(peers, 0, false)
  deepEqual(ids(chosen), [1, 4, 5])
})

test('the optimistic choice stays for 30 s, then moves', () => {
  let fraction = 0
  const it = choker({}, () => fraction)
  const peers = [1, 2, 3, 4, 5].map((id) => peer(id, { downloadBytesPerS: id * 1_000 }))
  deepEqual(ids(it.round(peers, 0, false)), [3, 4, 5])
  fraction = 0.99
  deepEqual(ids(it.round(peers, 20_000, false)), [3, 4, 5])
  deepEqual(ids(it.round(peers, 40_000, false)), [1, 4, 5])
})

test('nobody who is not interested, or whose tally is used up, or who has not said', () => {
  const peers = [
    peer(1, { interested: false }),
    peer(2, { maySend: false }),
    peer(3, { tallies: undefined }),
    peer(4),
  ]
  deepEqual(ids(choker().round(peers, 0, false)), [4])
  deepEqual(ids(choker().fill(peers)), [4])
})

test('seeding: every peer gets its turn', () => {
  const it = choker({ slots: 2 })
  let peers = [1, 2, 3, 4, 5].map((id) => peer(id, { changedMs: id }))
  const served = new Set<number>()
  for (let nowMs = 100_000; nowMs < 300_000; nowMs += 10_000) {
    const chosen = it.round(peers, nowMs, true)
    equal(chosen.size, 2)
    peers = peers.map((p) =>
      p.choked === !chosen.has(p.id) ? p : { ...p, choked: !chosen.has(p.id), changedMs: nowMs },
    )
    for (const id of chosen) served.add(id)
  }
  deepEqual(ids(served), [1, 2, 3, 4, 5])
})

test('seeding to the fastest takers', () => {
  const peers = [1, 2, 3, 4, 5].map((id) => peer(id, { uploadBytesPerS: id }))
  deepEqual(ids(choker({ seeding: 'fastest-upload' }).round(peers, 0, true)), [3, 4, 5])
})

test('peers without tallies: served, refused, or so many', () => {
  const peers = [peer(1, { tallies: 'none' }), peer(2, { tallies: 'none' }), peer(3, { tallies: 'open' })]
  deepEqual(ids(choker({ noTallyPolicy: 'serve' }).round(peers, 0, true)), [1, 2, 3])
  deepEqual(ids(choker({ noTallyPolicy: 'refuse' }).round(peers, 0, true)), [3])
  equal(choker({ noTallyPolicy: { slots: 1 } }).round(peers, 0, true).size, 2)
  const unchoked = peers.map((p) => ({ ...p, choked: p.id !== 1 }))
  deepEqual(ids(choker({ noTallyPolicy: { slots: 1 } }).fill(unchoked)), [1, 3])
})

test('never more than the slots, and filling takes no slot away', () => {
  const anyPeers = fc.array(
    fc.record({
      interested: fc.boolean(),
      choked: fc.boolean(),
      downloadBytesPerS: fc.nat(9),
      maySend: fc.boolean(),
    }),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(anyPeers, fc.nat(4), fc.boolean(), (records, slots, weSeed) => {
      const peers = records.map((record, id) => peer(id, record))
      const it = choker({ slots })
      ok(it.round(peers, 0, weSeed).size <= slots)
      const kept = peers.filter(({ choked, maySend }) => !choked && maySend)
      const filled = it.fill(peers)
      ok(kept.every(({ id }) => filled.has(id)))
      ok(filled.size <= Math.max(slots, kept.length))
    }),
  )
})
