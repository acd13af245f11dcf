// Goal: announce truthfully, in the order and at the times the specs ask, to good trackers and around bad
// ones.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { AnnouncePeer } from '../../announce/announce.ts'
import { parseAnnounceQuery } from '../../announce/http-request.ts'
import { utf8 } from '../../base/bytes.ts'
import { codeOf } from '../../base/errors.ts'
import { systemClock, systemRandom } from '../../base/io/system.ts'
import type { Random } from '../../base/world.ts'
import { encodeBencode } from '../../content/bencode.ts'
import { createSmallTracker, type SmallTrackerSettings } from '../../tracker/io/announce-server.ts'
import { type Announcer, type AnnouncerSettings, createAnnouncer } from './announcer.ts'
import { createTrackerClient, type TrackerClient, type TrackerClientSettings } from './tracker-client.ts'

const infoHash = Uint8Array.from({ length: 20 }, (_, i) => (i * 37 + 0xf0) & 0xff)
const otherHash = new Uint8Array(20).fill(0x2b)
const DEAD = 'http://127.0.0.1:9/announce'
const parts = { clock: systemClock, random: systemRandom }

const newTracker = (settings: Partial<SmallTrackerSettings> = {}) => createSmallTracker(settings, parts)
const newAnnouncer = (settings: Partial<AnnouncerSettings> = {}) =>
  createAnnouncer(
    { userAgent: 'Tallyswarm/0.1.0', reach: 'local', udp: { retryBaseMs: 200 }, ...settings },
    parts,
  )

/** A client whose events can be waited for; `id` names peer id and port. */
function newClient(
  announcer: Announcer,
  id: number,
  settings: Partial<TrackerClientSettings>,
  random: Random = systemRandom,
) {
  const progress = { uploaded: 7, downloaded: 5, left: 3 }
  const found: string[] = []
  let peersFound = Promise.withResolvers<readonly AnnouncePeer[]>()
  const client = createTrackerClient(
    {
      tiers: [],
      infoHashes: [infoHash],
      peerId: utf8(`-TW0100-client-${String(id).padStart(5, '0')}`),
      port: 7000 + id,
      stopTimeoutMs: 500,
      schedule: { intervalMinMs: 20, retryMinMs: 20 },
      ...settings,
    },
    {
      announcer,
      clock: systemClock,
      random,
      progress: () => progress,
      onPeers: (peers) => {
        found.push(...peers.map(({ host, port }) => `${host}:${port}`))
        peersFound.resolve(peers)
        peersFound = Promise.withResolvers()
      },
    },
  )
  return { client, progress, found, nextPeers: () => peersFound.promise }
}

/** Asks until the state of the world is as wanted: events of others have no other handle. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}
const working = (client: TrackerClient) =>
  until(() => client.status().some(({ state }) => state === 'working'))

async function figures(client: TrackerClient) {
  const answer = await client.scrape(AbortSignal.timeout(5000))
  return answer.ok
    ? [...answer.value.values()].map(({ complete, incomplete, downloaded }) => [
        complete,
        incomplete,
        downloaded,
      ])
    : answer
}

for (const wire of ['http', 'udp'] as const) {
  test(`two clients find each other over ${wire}; completed is counted, stopped is heard`, async () => {
    await using tracker = await newTracker({ table: { intervalS: 0, minIntervalS: 0 } })
    await using announcer = newAnnouncer()
    const tiers = [tracker.announceUrls[wire]]
    await using first = newClient(announcer, 1, { tiers }).client
    await working(first)
    {
      const second = newClient(announcer, 2, { tiers })
      await using client = second.client
      await second.nextPeers()
      deepEqual(new Set(second.found), new Set(['127.0.0.1:7001']))
      deepEqual(await figures(first), [[0, 2, 0]])
      second.progress.left = 0
      client.completed()
      await until(async () => JSON.stringify(await figures(first)) === '[[1,1,1]]')
    }
    deepEqual(await figures(first), [[0, 1, 1]])
  })
}

test('a tracker name with both address families is told once per family, as one peer', async (t) => {
  let tracker: Awaited<ReturnType<typeof newTracker>>
  try {
    tracker = await newTracker({ hosts: ['::1'], table: { intervalS: 0, minIntervalS: 0 } })
  } catch (error) {
    if (!['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(codeOf(error))) throw error
    t.skip('SKIPPED: no IPv6 loopback here')
    return
  }
  await using tracker6 = tracker
  await using announcer = newAnnouncer()
  for (const wire of ['http', 'udp'] as const) {
    const tiers = [tracker6.announceUrls[wire]]
    await using first = newClient(announcer, 1, { tiers }).client
    await working(first)
    const second = newClient(announcer, 2, { tiers })
    await using _client = second.client
    await second.nextPeers()
    ok(second.found.includes('::1:7001'))
  }
})

test('a hybrid torrent is announced under both hashes', async () => {
  await using tracker = await newTracker()
  await using announcer = newAnnouncer()
  const tiers = [tracker.announceUrls.udp]
  await using client = newClient(announcer, 1, { tiers, infoHashes: [infoHash, otherHash] }).client
  await working(client)
  deepEqual(await figures(client), [
    [0, 1, 0],
    [0, 1, 0],
  ])
})

test('tiers: dead trackers are passed over, and the one that answers comes first in its tier', async () => {
  await using tracker = await newTracker()
  await using announcer = newAnnouncer()
  const [good] = tracker.announceUrls.http
  const unshuffled: Random = { ...systemRandom, fraction: () => 0.999 }
  const tiers = [[DEAD], ['http://127.0.0.1:9/announce?second', 'http://127.0.0.1:9/announce?third', good!]]
  await using client = newClient(announcer, 1, { tiers }, unshuffled).client
  await working(client)
  deepEqual(
    client.status().map(({ label, state }) => [label, state]),
    [
      ['http://127.0.0.1:9', 'failing'],
      [new URL(good!).origin, 'working'],
      ['http://127.0.0.1:9', 'failing'],
      ['http://127.0.0.1:9', 'failing'],
    ],
  )
  equal(client.status()[0]!.fault?.code, 'HTTP_FAILED')
})

test('by default a torrent cannot make us contact our own machine; the user can', async () => {
  await using tracker = await newTracker()
  await using announcer = newAnnouncer({ reach: 'public' })
  const tiers = [tracker.announceUrls.http, tracker.announceUrls.udp, ['http://169.254.169.254/announce']]
  await using client = newClient(announcer, 1, { tiers }).client
  await until(() => client.status().every(({ state }) => state === 'failing'))
  deepEqual(
    client.status().map(({ fault }) => fault?.code),
    Array(3).fill('ADDRESS_REFUSED'),
  )
  deepEqual(tracker.status().counts, {})
  await using named = newClient(announcer, 2, { tiers: [tracker.announceUrls.udp], reach: 'local' }).client
  await working(named)
})

/** A tracker that answers as told and keeps what it was asked. */
async function scripted(answer: (request: IncomingMessage, index: number) => Uint8Array | undefined) {
  const requests: IncomingMessage[] = []
  const server: Server = createServer((request, response) => {
    const body = answer(request, requests.push(request) - 1)
    if (body !== undefined) response.end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/pk123/announce?auth=a%2Fb`,
    requests,
    query: (index: number) => requests[index]!.url!.split('?')[1]!,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('an announce has exact numbers, few headers, the passkey, and the tracker id it was given', async () => {
  await using tracker = await scripted(() =>
    encodeBencode({ interval: 0, peers: '', 'tracker id': utf8('\u0000id') }),
  )
  await using announcer = newAnnouncer()
  {
    await using client = newClient(announcer, 1, { tiers: [[tracker.url]] }).client
    await until(() => tracker.requests.length >= 2)
    match(client.status()[0]!.label, /^http:\/\/127\.0\.0\.1:\d+$/)
  }
  const [first, second] = [0, 1].map((index) => parseAnnounceQuery(tracker.query(index)))
  const { key, ...rest } = first!
  deepEqual(rest, {
    infoHash,
    peerId: utf8('-TW0100-client-00001'),
    port: 7001,
    ...{ uploaded: 7, downloaded: 5, left: 3, event: 'started', numWant: 80, compact: true, noPeerId: true },
  })
  const { trackerId, event, key: sameKey } = second!
  deepEqual([trackerId, event, sameKey], [utf8('\u0000id'), undefined, key])
  const last = parseAnnounceQuery(tracker.query(tracker.requests.length - 1))
  deepEqual([last.event, last.numWant, last.trackerId], ['stopped', 0, utf8('\u0000id')])
  const { url, rawHeaders } = tracker.requests[0]!
  match(url!, /^\/pk123\/announce\?auth=a%2Fb&info_hash=%F0/)
  deepEqual(rawHeaders.filter((_, i) => i % 2 === 0).sort(), [
    'Accept-Encoding',
    'Connection',
    'Host',
    'User-Agent',
  ])
  ok(rawHeaders.includes('Tallyswarm/0.1.0'))
})

test('refusals are shown and retried, "never" means never, the whole is not "completed"', async () => {
  await using later = await scripted((_, index) =>
    encodeBencode(index === 0 ? { 'failure reason': 'busy' } : { interval: 0, peers: '' }),
  )
  await using never = await scripted(() =>
    encodeBencode({ 'failure reason': 'unknown torrent', 'retry in': 'never' }),
  )
  await using announcer = newAnnouncer()
  const seed = newClient(announcer, 1, { tiers: [[never.url], [later.url]] })
  seed.progress.left = 0
  await using client = seed.client
  await until(() => later.requests.length >= 2)
  client.completed()
  await until(() => later.requests.length >= 5)
  const events = [0, 1, 2, 3, 4].map((index) => parseAnnounceQuery(later.query(index)).event)
  deepEqual(events, ['started', 'started', undefined, undefined, undefined])
  equal(never.requests.length, 1)
  const [refused] = client.status()
  deepEqual(
    [refused!.state, refused!.fault],
    ['refused-for-good', { code: 'TRACKER_REFUSED', message: 'unknown torrent' }],
  )
})

test('a silent tracker holds up neither the next one nor our end, and is told "stopped" too', async () => {
  await using hole = await scripted(() => undefined)
  await using tracker = await newTracker()
  await using announcer = newAnnouncer()
  const tiers = [[hole.url], tracker.announceUrls.http]
  {
    await using client = newClient(announcer, 1, { tiers, announceTimeoutMs: 100, stopTimeoutMs: 100 }).client
    await working(client)
    equal(client.status()[0]!.fault?.code, 'ANNOUNCE_TIMEOUT')
  }
  {
    await using _client = newClient(announcer, 2, { tiers: [[hole.url]], stopTimeoutMs: 100 }).client
    const before = hole.requests.length
    await until(() => hole.requests.length > before)
  }
  equal(parseAnnounceQuery(hole.query(hole.requests.length - 1)).event, 'stopped')
})

test('only a tracker in our own network may name peers in it, and none a metadata service', async () => {
  const peers = ['127.0.0.1', '10.0.0.1', '169.254.169.254', '224.0.0.1', '8.8.8.8'].map((ip) => ({
    ip,
    port: 1,
  }))
  await using tracker = await scripted(() => encodeBencode({ interval: 1800, peers }))
  await using announcer = newAnnouncer()
  const local = newClient(announcer, 1, { tiers: [[tracker.url]] })
  await using _client = local.client
  await local.nextPeers()
  deepEqual(local.found, ['127.0.0.1:1', '10.0.0.1:1', '8.8.8.8:1'])
})

test('announceSoon waits for the least interval the tracker allows', async () => {
  await using tracker = await scripted(() => encodeBencode({ interval: 3600, 'min interval': 0, peers: '' }))
  await using eager = await scripted(() => encodeBencode({ interval: 3600, peers: '' }))
  await using announcer = newAnnouncer()
  await using client = newClient(announcer, 1, { tiers: [[tracker.url]] }).client
  await using patient = newClient(announcer, 2, { tiers: [[eager.url]] }).client
  await working(client)
  await working(patient)
  patient.announceSoon()
  client.announceSoon()
  await until(() => tracker.requests.length === 2)
  equal(eager.requests.length, 1)
})
