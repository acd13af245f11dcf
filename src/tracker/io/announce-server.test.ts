// Goal: serve honest clients over HTTP and UDP, and let hostile ones cost a connection or a packet, never the
// process.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { AnnounceRequest } from '../../announce/announce.ts'
import {
  formatAnnounceQuery,
  formatScrapeQuery,
  type HttpAnnounceRequest,
} from '../../announce/http-request.ts'
import { decodeAnnounceResponse, decodeScrapeResponse } from '../../announce/http-response.ts'
import { encodeUdpRequest, type UdpRequest } from '../../announce/udp-request.ts'
import { decodeUdpResponse } from '../../announce/udp-response.ts'
import { toHex, utf8 } from '../../base/bytes.ts'
import { systemClock, systemRandom } from '../../base/io/system.ts'
import type { Clock } from '../../base/world.ts'
import { SWARM_TABLE_DEFAULTS, SwarmTable } from '../swarm-table.ts'
import { createSmallTracker, type SmallTrackerSettings } from './announce-server.ts'
import { packetAnswerer } from './udp-listener.ts'

const infoHash = Uint8Array.from({ length: 20 }, (_, i) => 255 - i * 7)
const announceOf = (id: number, over: Partial<AnnounceRequest> = {}): AnnounceRequest => ({
  infoHash,
  peerId: utf8(`-XX0001-peer-${String(id).padStart(7, '0')}`),
  port: 6000 + id,
  uploaded: 0,
  downloaded: 0,
  left: 1,
  key: id,
  ...over,
})

const newTracker = (settings: Partial<SmallTrackerSettings> = {}, clock: Clock = systemClock) =>
  createSmallTracker(settings, { clock, random: systemRandom })
const bodyOf = async (url: string) => new Uint8Array(await (await fetch(url)).arrayBuffer())

async function announce(url: string, request: Partial<HttpAnnounceRequest> & AnnounceRequest) {
  const query = formatAnnounceQuery({ compact: true, noPeerId: false, ...request })
  return decodeAnnounceResponse(await bodyOf(`${url}?${query}`), { peersMax: 100 })
}

test('HTTP: compact by default, dictionaries with or without peer ids when asked, scrape', async () => {
  await using tracker = await newTracker()
  const [url] = tracker.announceUrls.http
  await announce(url!, announceOf(1))
  const peers = async (over: Partial<HttpAnnounceRequest>) => {
    const answer = await announce(url!, { ...announceOf(2), ...over })
    return answer.ok && answer.value.peers
  }
  deepEqual(await peers({}), [{ host: '127.0.0.1', port: 6001 }])
  deepEqual(await peers({ compact: false }), [
    { host: '127.0.0.1', port: 6001, peerId: announceOf(1).peerId },
  ])
  deepEqual(await peers({ compact: false, noPeerId: true }), [{ host: '127.0.0.1', port: 6001 }])
  const scraped = await bodyOf(`${url!.replace('announce', 'scrape')}?${formatScrapeQuery([infoHash])}`)
  const answer = decodeScrapeResponse(scraped, [infoHash])
  const figures = { complete: 0, downloaded: 0, incomplete: 2, downloaders: 2 }
  deepEqual(answer.ok && [...answer.value], [[toHex(infoHash), figures]])
})

test('HTTP: what is wrong is said, and counted by code', async () => {
  await using tracker = await newTracker({ table: { peersPerHostMax: 1 } })
  const [url] = tracker.announceUrls.http
  const reason = async (target: string) => {
    const answer = decodeAnnounceResponse(await bodyOf(target), { peersMax: 1 })
    return answer.ok ? undefined : answer.failure.reason
  }
  equal(await reason(`${url}?info_hash=short`), 'info_hash has a wrong length')
  equal(await reason(`${url}`), 'info_hash is missing')
  equal(await reason(`${tracker.url}/scrape`), 'name the torrents to scrape')
  await announce(url!, announceOf(1))
  const second = await announce(url!, announceOf(2))
  equal(!second.ok && second.failure.reason, 'too many peers at this address')
  equal((await fetch(`${tracker.url}/elsewhere`)).status, 404)
  equal((await fetch(url!, { method: 'POST', body: 'x' })).status, 405)
  deepEqual(tracker.status(), {
    swarms: 1,
    counts: { announce: 2, ANNOUNCE_REFUSED: 1, PARAMETER_LENGTH: 1, PARAMETER_MISSING: 1, SCRAPE_ALL: 1 },
  })
})

/** Sends bytes as they are and gives what came back until the server closed. */
async function rawHttp(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  socket.write(Buffer.from(bytes, 'latin1'))
  await once(socket, 'close')
  return answer
}

test('HTTP: garbage, oversized heads and bodies, and slow requests end the connection', async () => {
  const echo = { method: 'POST' as const, handle: async (body: unknown) => ({ status: 200, body }) }
  await using tracker = await createSmallTracker(
    { http: { headerBytesMax: 2048, bodyBytesMax: 100, requestTimeoutMs: 200 } },
    { clock: systemClock, random: systemRandom, endpoints: new Map([['/v1/echo', echo]]) },
  )
  const port = Number(new URL(tracker.url).port)
  match(await rawHttp(port, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /)
  match(await rawHttp(port, `GET /announce?${'a'.repeat(4096)} HTTP/1.1\r\n\r\n`), /^HTTP\/1\.1 4\d\d /)
  match(await rawHttp(port, 'GET /announce?info_hash='), /^(HTTP\/1\.1 4\d\d |$)/)
  const post = (body: string, length = body.length) =>
    rawHttp(
      port,
      `POST /v1/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n${body}`,
    )
  match(await post('{"a":1}'), /^HTTP\/1\.1 200 .*\{"a":1\}$/s)
  match(await post('{"a":'), /^HTTP\/1\.1 400 .*NOT_JSON/s)
  match(await post(JSON.stringify('x'.repeat(200))), /^HTTP\/1\.1 400 .*BODY_LENGTH/s)
  match(await post('{', 50), /^(HTTP\/1\.1 4\d\d |$)/)
  ok((tracker.status().counts['BODY_LENGTH'] ?? 0) === 1)
  equal((await fetch(`${tracker.url}/v1/echo`)).status, 405)
})

/** A UDP client of one socket that asks and waits, or asks something that must stay unanswered. */
async function udpClient(url: string, from = '127.0.0.1') {
  const socket = createSocket('udp4')
  socket.bind(0, from)
  await once(socket, 'listening')
  socket.connect(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'connect')
  const answers: Uint8Array[] = []
  let wake = () => {}
  socket.on('message', (packet) => {
    answers.push(packet)
    wake()
  })
  const next = async () => {
    while (answers.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return decodeUdpResponse(answers.shift()!, 4, { peersMax: 100 })
  }
  const ask = (request: UdpRequest) => {
    socket.send(encodeUdpRequest(request))
    return next()
  }
  return {
    ask,
    connectionId: async () => {
      const response = await ask({ action: 'connect', transactionId: 7 })
      return response.action === 'connect' ? response.connectionId : 0n
    },
    /**
     * Sends all of it, then a connect: UDP on loopback keeps order, so the first answer must be the
     * connect's.
     */
    async unanswered(...packets: Uint8Array[]) {
      for (const packet of packets) socket.send(packet)
      equal((await ask({ action: 'connect', transactionId: 99 })).transactionId, 99)
    },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  }
}

const none = new Uint8Array()
test('UDP: connect, announce, scrape; refusals are errors', async () => {
  await using tracker = await newTracker({ table: { peersPerHostMax: 2 } })
  await using client = await udpClient(tracker.announceUrls.udp[0]!)
  const connectionId = await client.connectionId()
  const announceUdp = (id: number) =>
    client.ask({
      action: 'announce',
      connectionId,
      transactionId: id,
      announce: announceOf(id),
      urlData: none,
    })
  await announceUdp(1)
  const second = await announceUdp(2)
  deepEqual(second.action === 'announce' && second.announce.peers, [{ host: '127.0.0.1', port: 6001 }])
  const third = await announceUdp(3)
  deepEqual(third, { action: 'error', transactionId: 3, reason: 'too many peers at this address' })
  const unknown = new Uint8Array(20)
  const scraped = await client.ask({
    action: 'scrape',
    connectionId,
    transactionId: 8,
    infoHashes: [unknown, infoHash],
  })
  const zero = { complete: 0, downloaded: 0, incomplete: 0 }
  deepEqual(scraped.action === 'scrape' && scraped.figures, [zero, { ...zero, incomplete: 2 }])
  equal(tracker.status().swarms, 1)
})

test('UDP: no answer without a good connection id, nor to what does not decode', async () => {
  let nowMs = 1e9
  await using tracker = await newTracker({}, { nowMs: () => nowMs, monotonicMs: () => nowMs })
  await using client = await udpClient(tracker.announceUrls.udp[0]!)
  const connectionId = await client.connectionId()
  const packet = (id: bigint) =>
    encodeUdpRequest({
      action: 'announce',
      connectionId: id,
      transactionId: 1,
      announce: announceOf(1),
      urlData: none,
    })
  await client.unanswered(packet(0n), packet(connectionId ^ 1n), none, packet(connectionId).subarray(0, 97))
  nowMs += 120_000
  const late = {
    action: 'announce',
    connectionId,
    transactionId: 2,
    announce: announceOf(1),
    urlData: none,
  } as const
  equal((await client.ask(late)).action, 'announce')
  nowMs += 60_000
  await client.unanswered(packet(connectionId))
  deepEqual(tracker.status().counts, { BAD_CONNECTION_ID: 3, TRUNCATED: 2, announce: 1 })
})

test('UDP: a connection id is of no use to another address', async () => {
  await using tracker = await newTracker()
  const [url] = tracker.announceUrls.udp
  await using client = await udpClient(url!)
  await using thief = await udpClient(url!, '127.0.0.2')
  const connectionId = await client.connectionId()
  await thief.unanswered(
    encodeUdpRequest({ action: 'scrape', connectionId, transactionId: 1, infoHashes: [] }),
  )
  deepEqual(tracker.status().counts, { BAD_CONNECTION_ID: 1 })
})

test('UDP: a forged source port 0, where Node cannot send, gets nothing', () => {
  const faults: string[] = []
  const table = new SwarmTable(SWARM_TABLE_DEFAULTS, systemRandom)
  const answer = packetAnswerer({ table, clock: systemClock, count: (what) => faults.push(what) })
  const packet = encodeUdpRequest({ action: 'connect', transactionId: 1 })
  equal(answer(packet, { host: '127.0.0.1', port: 0 }), undefined)
  equal(answer(packet, { host: '::ffff:127.0.0.1', port: 1 })?.length, 16)
  deepEqual(faults, ['NO_ADDRESS'])
})

test('HTTP: connections beyond the limit are closed', async () => {
  await using tracker = await newTracker({ http: { connectionsMax: 1 } })
  const port = Number(new URL(tracker.url).port)
  const first = connect(port, '127.0.0.1')
  first.write('GET /announce HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(first, 'data')
  equal(await rawHttp(port, 'GET /announce HTTP/1.1\r\nHost: x\r\n\r\n'), '')
  first.destroy()
})

test('silent peers are swept although nobody asks', async () => {
  let nowMs = 0
  await using tracker = await newTracker(
    { sweepMs: 5, table: { peerTtlMs: 1000, swarmsMax: 1 } },
    { nowMs: () => nowMs, monotonicMs: () => nowMs },
  )
  const [url] = tracker.announceUrls.http
  await announce(url!, announceOf(1))
  const other = announceOf(2, { infoHash: new Uint8Array(20) })
  equal((await announce(url!, other)).ok, false)
  nowMs = 1000
  while (!(await announce(url!, other)).ok) await new Promise((resolve) => setTimeout(resolve, 5))
})
