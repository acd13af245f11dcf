// Goal: counts are true after any history, answers are fair and bounded, and no peer can speak for another.
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AnnounceRequest } from '../announce/announce.ts'
import type { Random } from '../base/world.ts'
import { Pool } from './pool.ts'
import { SWARM_TABLE_DEFAULTS, SwarmTable, type SwarmTableSettings } from './swarm-table.ts'

/** A small generator with a fixed seed (mulberry32): tests replay. */
function seeded(seed: number): Random {
  let state = seed
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { fraction, bytes: (length) => Uint8Array.from({ length }, () => Math.floor(256 * fraction())) }
}

const twenty = (first: number) => new Uint8Array(20).fill(first & 0xff).fill(first >>> 8, 1, 2)
const infoHash = twenty(0xff)
const peer = (id: number, over: Partial<AnnounceRequest> = {}): AnnounceRequest => ({
  infoHash,
  peerId: twenty(id),
  port: 1000 + id,
  uploaded: 0,
  downloaded: 0,
  left: 1,
  key: id,
  ...over,
})
const newTable = (over: Partial<SwarmTableSettings> = {}) =>
  new SwarmTable({ ...SWARM_TABLE_DEFAULTS, ...over }, seeded(1))

function announce(
  table: SwarmTable,
  request: AnnounceRequest,
  host = '10.0.0.1',
  nowMs = 0,
  families = [4, 16] as (4 | 16)[],
) {
  const answer = table.announce({ request, host, families, nowMs })
  if (!answer.ok) throw new Error(answer.failure.reason)
  return answer.value
}
const refusal = (table: SwarmTable, request: AnnounceRequest, host = '10.0.0.1') => {
  const answer = table.announce({ request, host, families: [4], nowMs: 0 })
  return answer.ok ? undefined : answer.failure.reason
}
const addresses = (response: { peers: readonly { host: string; port: number }[] }) =>
  response.peers.map(({ host, port }) => `${host}:${port}`).sort()

test('two peers find each other, not themselves, and hear their address', () => {
  const table = newTable()
  deepEqual(addresses(announce(table, peer(1))), [])
  const second = announce(table, peer(2), '10.0.0.2')
  deepEqual(addresses(second), ['10.0.0.1:1001'])
  equal(second.externalIp, '10.0.0.2')
  deepEqual(addresses(announce(table, peer(1))), ['10.0.0.2:1002'])
})

test('figures: seeds, partial seeds, downloads counted once, stopped peers gone', () => {
  const table = newTable()
  announce(table, peer(1, { left: 0 }))
  announce(table, peer(2, { event: 'paused' }))
  announce(table, peer(3, { event: 'started' }))
  deepEqual(table.scrape(infoHash, 0), { complete: 1, downloaded: 0, incomplete: 2, downloaders: 1 })
  announce(table, peer(3, { event: 'completed', left: 0 }))
  announce(table, peer(3, { event: 'completed', left: 0 }))
  announce(table, peer(4, { event: 'completed', left: 5 }))
  deepEqual(table.scrape(infoHash, 0), { complete: 2, downloaded: 1, incomplete: 2, downloaders: 1 })
  announce(table, peer(1, { event: 'stopped', left: 0 }))
  announce(table, peer(2, { event: 'stopped', left: 0 }))
  announce(table, peer(5, { event: 'stopped', left: 0 }))
  deepEqual(table.scrape(infoHash, 0), { complete: 1, downloaded: 2, incomplete: 1, downloaders: 1 })
})

test('a seed gets no seeds, port 0 is counted and not handed out, numWant is clamped', () => {
  const table = newTable({ numWantMax: 3, numWantDefault: 2 })
  announce(table, peer(1, { left: 0 }))
  announce(table, peer(2, { port: 0 }))
  const seed = announce(table, peer(3, { left: 0 }))
  deepEqual([addresses(seed), seed.incomplete], [[], 1])
  for (let id = 4; id < 12; id++) announce(table, peer(id))
  equal(announce(table, peer(12)).peers.length, 2)
  equal(announce(table, peer(12, { numWant: 1000 })).peers.length, 3)
  equal(announce(table, peer(12, { numWant: 0 })).peers.length, 0)
})

test('one peer on both address families is one peer with two addresses', () => {
  const table = newTable()
  announce(table, peer(1))
  const both = announce(table, peer(1), '2001:db8::1')
  deepEqual([both.incomplete, both.peers.length], [1, 0])
  deepEqual(addresses(announce(table, peer(2))), ['10.0.0.1:1001', '2001:db8::1:1001'])
  deepEqual(addresses(announce(table, peer(2), '2001:db8::2', 0, [16])), ['2001:db8::1:1001'])
  announce(table, peer(1, { event: 'stopped' }))
  deepEqual(addresses(announce(table, peer(2))), [])
})

test('a peer id is public: without its key nobody stops a peer or takes its place', () => {
  const table = newTable()
  announce(table, peer(1))
  announce(table, peer(1, { key: 666, event: 'stopped' }), '10.6.6.6')
  announce(table, peer(1, { key: 667 }), '10.6.6.6')
  deepEqual(addresses(announce(table, peer(2))), ['10.0.0.1:1001', '10.6.6.6:1001'])
  const keyless = newTable()
  const { key: _, ...withoutKey } = peer(1)
  announce(keyless, withoutKey)
  announce(keyless, { ...withoutKey, event: 'stopped' }, '10.6.6.6')
  equal(keyless.scrape(infoHash, 0).incomplete, 1)
})

test('a restarted client replaces its old self at the same address', () => {
  const table = newTable()
  announce(table, peer(1, { port: 5000 }))
  announce(table, peer(2, { port: 5000 }))
  const { incomplete, peers } = announce(table, peer(3))
  deepEqual([incomplete, peers.length], [2, 1])
})

test('silent peers expire, at the next announce, scrape or sweep', () => {
  const table = newTable({ peerTtlMs: 1000 })
  announce(table, peer(1), '10.0.0.1', 0)
  announce(table, peer(2), '10.0.0.1', 500)
  equal(announce(table, peer(3), '10.0.0.1', 1000).peers.length, 1)
  equal(table.scrape(infoHash, 1999).incomplete, 1)
  table.expire(2000)
  equal(table.scrape(infoHash, 2000).incomplete, 0)
})

test('hosts, swarms and the table have limits; an idle swarm makes room', () => {
  const table = newTable({ peersPerHostMax: 2, peersPerSwarmMax: 3, swarmsMax: 1 })
  announce(table, peer(1))
  announce(table, peer(2))
  equal(refusal(table, peer(3)), 'too many peers at this address')
  announce(table, peer(3), '10.0.0.2')
  equal(refusal(table, peer(4), '10.0.0.3'), 'the swarm is full')
  equal(refusal(table, peer(1)), undefined)
  const other = { infoHash: twenty(0xee) }
  equal(refusal(table, peer(1, other)), 'the tracker is full')
  for (const [id, host] of [
    [1, '10.0.0.1'],
    [2, '10.0.0.1'],
    [3, '10.0.0.2'],
  ] as const) {
    announce(table, peer(id, { event: 'stopped' }), host)
  }
  equal(refusal(table, peer(1, other)), undefined)
  equal(table.swarmCount, 1)
})

test('after any history the figures are what a naive count gives', () => {
  const step = fc.record({
    id: fc.nat(5),
    left: fc.nat(1),
    port: fc.nat(3),
    host: fc.constantFrom('10.0.0.1', '10.0.0.2', '2001:db8::1'),
    event: fc.constantFrom(undefined, 'stopped', 'paused', 'completed', 'started'),
    waitMs: fc.nat(300),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = newTable({ peerTtlMs: 1000 })
      let nowMs = 0
      const naive = new Map<
        number,
        { left: number; paused: boolean; seenAtMs: number; at: Map<string, string> }
      >()
      for (const { id, left, port, host, event, waitMs } of steps) {
        nowMs += waitMs
        // Each step claims a port of its own, or none.
        const request = peer(id, { left, port: port && 10 * id + port, ...(event && { event }) })
        announce(table, request, host, nowMs)
        for (const [key, entry] of naive) if (nowMs - entry.seenAtMs >= 1000) naive.delete(key)
        const at = naive.get(id)?.at ?? new Map()
        naive.delete(id)
        if (event === 'stopped') continue
        if (port === 0) at.delete(host.includes(':') ? 6 : 4)
        else at.set(host.includes(':') ? 6 : 4, `${host}:${request.port}`)
        naive.set(id, { left, paused: event === 'paused' && left > 0, seenAtMs: nowMs, at })
      }
      const peers = [...naive.values()]
      const { downloaded: _, ...figures } = table.scrape(infoHash, nowMs)
      deepEqual(figures, {
        complete: peers.filter(({ left }) => left === 0).length,
        incomplete: peers.filter(({ left }) => left > 0).length,
        downloaders: peers.filter(({ left, paused }) => left > 0 && !paused).length,
      })
      const seen = addresses(announce(table, peer(99, { numWant: 200 }), '10.9.9.9', nowMs))
      deepEqual(seen, peers.flatMap(({ at }) => [...at.values()]).sort())
    }),
    { numRuns: 300 },
  )
})

test('a sample is as large as it can be, without repeats, and every peer gets its turn', () => {
  const pools = [new Pool<number>(), new Pool<number>()]
  for (let item = 0; item < 20; item++) pools[item % 2]!.add(item)
  pools[0]!.remove(4)
  const random = seeded(7)
  const seen = new Map<number, number>()
  for (let draw = 0; draw < 4000; draw++) {
    const sample = Pool.sample(pools, 5, random)
    equal(new Set(sample).size, 5)
    for (const item of sample) seen.set(item, (seen.get(item) ?? 0) + 1)
  }
  equal(seen.size, 19)
  // 4000 * 5 / 19 = 1053 each; five standard deviations are about 140.
  for (const times of seen.values()) equal(Math.abs(times - 1053) < 140, true)
  equal(Pool.sample(pools, 50, random).length, 19)
})
