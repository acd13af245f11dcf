// Goal: one announce or scrape, to any URL, gives the tracker's answer, its refusal, or a code.
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { decodeUdpRequest } from '../../announce/udp-request.ts'
import { encodeUdpResponse } from '../../announce/udp-response.ts'
import { utf8 } from '../../base/bytes.ts'
import { systemClock, systemRandom } from '../../base/io/system.ts'
import { encodeBencode } from '../../content/bencode.ts'
import { type AnnouncerParts, type AnnouncerSettings, createAnnouncer } from './announcer.ts'

const infoHash = new Uint8Array(20).fill(7)
const request = {
  infoHash,
  peerId: utf8('-TW0100-abcdefghijkl'),
  port: 1,
  uploaded: 0,
  downloaded: 0,
  left: 0,
}
const signal = () => AbortSignal.timeout(10_000)
const newAnnouncer = (settings: Partial<AnnouncerSettings> = {}, parts: Partial<AnnouncerParts> = {}) =>
  createAnnouncer(
    { userAgent: 'Tallyswarm/0', reach: 'local', ...settings },
    { clock: systemClock, random: systemRandom, ...parts },
  )

async function webServer(host: string, onRequest: (response: ServerResponse, url: string) => void) {
  const urls: string[] = []
  const server = createServer((incoming, response) => {
    urls.push(incoming.url!)
    onRequest(response, incoming.url!)
  }).listen(0, host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    urls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
const answerWith = (status: number, body: Uint8Array | string) => (response: ServerResponse) => {
  response.statusCode = status
  response.end(body)
}

test('a refusal counts with any status, an answer with 200 only', async () => {
  await using announcer = newAnnouncer()
  const no = encodeBencode({ 'failure reason': 'not registered' })
  for (const status of [200, 400]) {
    await using server = await webServer('127.0.0.1', answerWith(status, no))
    const answer = await announcer.announce(`http://127.0.0.1:${server.port}/announce`, request, {
      signal: signal(),
    })
    deepEqual(answer, { ok: false, failure: { reason: 'not registered' } })
  }
  for (const body of ['<html>', encodeBencode({ interval: 1, peers: '' })]) {
    await using server = await webServer('127.0.0.1', answerWith(502, body))
    const url = `http://127.0.0.1:${server.port}/announce`
    await rejects(announcer.announce(url, request, { signal: signal() }), { code: 'HTTP_STATUS' })
  }
  await using server = await webServer('127.0.0.1', answerWith(200, '<html>'))
  const garbage = announcer.announce(`http://127.0.0.1:${server.port}/announce`, request, {
    signal: signal(),
  })
  await rejects(garbage, { code: 'BENCODE_BAD_TOKEN' })
})

test('a scrape needs a URL that has a scrape form, and keeps the passkey', async () => {
  const files = new Map([['\u0007'.repeat(20), { complete: 3 }]])
  await using server = await webServer('127.0.0.1', answerWith(200, encodeBencode({ files })))
  await using announcer = newAnnouncer()
  const scrape = (path: string) =>
    announcer.scrape(`http://127.0.0.1:${server.port}${path}`, [infoHash], { signal: signal() })
  const answer = await scrape('/announce?pk=1')
  equal(answer.ok && answer.value.get('07'.repeat(20))?.complete, 3)
  equal(server.urls[0], `/scrape?pk=1&info_hash=${'%07'.repeat(20)}`)
  await scrape('//evil.example/announce')
  equal(server.urls[1]?.startsWith('//evil.example/scrape?'), true)
  await rejects(scrape('/a'), { code: 'SCRAPE_UNSUPPORTED' })
  await rejects(scrape('/'.repeat(3000)), { code: 'TRACKER_URL' })
})

test('a name with both families is announced over both; one of them failing does not matter', async () => {
  const lookup = async () => ['::ffff:127.0.0.1', '::1', '127.0.0.2']
  await using announcer = newAnnouncer({}, { lookup })
  const peers = Uint8Array.of(127, 0, 0, 1, 0, 9)
  await using server = await webServer('127.0.0.1', answerWith(200, encodeBencode({ interval: 9, peers })))
  const answer = await announcer.announce(`http://both.example:${server.port}/announce`, request, {
    signal: signal(),
  })
  deepEqual(answer.ok && answer.value.peers, [{ host: '127.0.0.1', port: 9 }])
  equal(server.urls.length, 1)
})

test('path and query reach a UDP tracker (BEP 41); none are sent when there are none', async () => {
  const socket = createSocket('udp4')
  await using _closing = {
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  }
  const seen: (string | number)[] = []
  socket.on('message', (packet, { port, address }) => {
    const { transactionId, ...asked } = decodeUdpRequest(packet)
    if (asked.action === 'connect') {
      socket.send(encodeUdpResponse({ action: 'connect', transactionId, connectionId: 1n }, 4), port, address)
    } else {
      seen.push(asked.action === 'announce' ? Buffer.from(asked.urlData).toString() : '', packet.length)
      const announce = { intervalS: 1, peers: [] }
      socket.send(encodeUdpResponse({ action: 'announce', transactionId, announce }, 4), port, address)
    }
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  await using announcer = newAnnouncer()
  const base = `udp://127.0.0.1:${socket.address().port}`
  await announcer.announce(`${base}/dir?a=b&c=d`, request, { signal: signal() })
  await announcer.announce(base, request, { signal: signal() })
  deepEqual(seen, ['/dir?a=b&c=d', 98 + 2 + 12, '', 98])
})

test('exchanges beyond the limit wait for their turn', async () => {
  let open = 0
  let openMost = 0
  await using server = await webServer('127.0.0.1', (response) => {
    openMost = Math.max(openMost, ++open)
    setTimeout(() => {
      open--
      response.end(encodeBencode({ peers: '' }))
    }, 10)
  })
  await using announcer = newAnnouncer({ inFlightMax: 2 })
  const url = `http://127.0.0.1:${server.port}/announce`
  await Promise.all(Array.from({ length: 6 }, () => announcer.announce(url, request, { signal: signal() })))
  deepEqual([openMost, server.urls.length], [2, 6])
})
