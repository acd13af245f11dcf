// Goal: BEP 15 to the letter against trackers that lose, repeat, forge and garble packets.
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { decodeUdpRequest, type UdpRequest } from '../../announce/udp-request.ts'
import { encodeUdpResponse } from '../../announce/udp-response.ts'
import { systemClock, systemRandom } from '../../base/io/system.ts'
import type { Clock } from '../../base/world.ts'
import { createUdpExchange, type UdpExchangeSettings, type UdpQuestion } from './udp-exchange.ts'

type Reply = (packet: Uint8Array) => void
/** A tracker that is told packet by packet what to do. */
async function udpServer(
  onRequest: (request: UdpRequest, reply: Reply, index: number, from: RemoteInfo) => void,
) {
  const socket = createSocket('udp4')
  const actions: string[] = []
  socket.on('message', (packet, from) => {
    const request = decodeUdpRequest(packet)
    onRequest(
      request,
      (bytes) => socket.send(bytes, from.port, from.address),
      actions.push(request.action) - 1,
      from,
    )
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    at: { host: '127.0.0.1', port: socket.address().port },
    actions,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  }
}

/** What an honest tracker says. */
function honest({ action, transactionId }: UdpRequest): Uint8Array {
  if (action === 'connect') return encodeUdpResponse({ action, transactionId, connectionId: 42n }, 4)
  return encodeUdpResponse({ action: 'scrape', transactionId, figures: [] }, 4)
}
const no = ({ transactionId }: UdpRequest, reason: string) =>
  encodeUdpResponse({ action: 'error', transactionId, reason }, 4)

const scrape: UdpQuestion = (connectionId, transactionId) => ({
  action: 'scrape',
  connectionId,
  transactionId,
  infoHashes: [],
})
const newExchange = (settings: Partial<UdpExchangeSettings> = {}, clock: Clock = systemClock) =>
  createUdpExchange({ retryBaseMs: 20, retriesMax: 6, ...settings }, { clock, random: systemRandom })
const forever = () => new AbortController().signal

test('a connection id serves several requests for a minute, no longer', async () => {
  let nowMs = 0
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }
  await using server = await udpServer((request, reply) => reply(honest(request)))
  await using exchange = newExchange({ retryBaseMs: 5000 }, clock)
  await exchange.ask(server.at, scrape, forever())
  nowMs = 59_999
  await exchange.ask(server.at, scrape, forever())
  nowMs = 60_000
  await exchange.ask(server.at, scrape, forever())
  deepEqual(server.actions, ['connect', 'scrape', 'scrape', 'connect', 'scrape'])
})

test('connection ids are kept for so many trackers only', async () => {
  await using one = await udpServer((request, reply) => reply(honest(request)))
  await using two = await udpServer((request, reply) => reply(honest(request)))
  await using exchange = newExchange({ retryBaseMs: 5000, connectionsMax: 1 })
  for (const { at } of [one, two, one]) await exchange.ask(at, scrape, forever())
  deepEqual(one.actions, ['connect', 'scrape', 'connect', 'scrape'])
})

test('lost packets are sent again, the connect too', async () => {
  await using server = await udpServer((request, reply, index) => {
    if (![0, 1, 3].includes(index)) reply(honest(request))
  })
  await using exchange = newExchange()
  equal((await exchange.ask(server.at, scrape, forever())).action, 'scrape')
  deepEqual(server.actions, ['connect', 'connect', 'connect', 'scrape', 'scrape'])
})

test('gives up after its retries, with a code', async () => {
  await using server = await udpServer(() => {})
  await using exchange = newExchange({ retryBaseMs: 5, retriesMax: 2 })
  await rejects(exchange.ask(server.at, scrape, forever()), { code: 'UDP_TIMEOUT' })
  equal(server.actions.length, 3)
})

test('wrong transaction ids, other actions and answers from elsewhere are no answers', async () => {
  const stranger = createSocket('udp4')
  await using _closing = {
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => stranger.close(() => resolve())),
  }
  await using server = await udpServer((request, reply, _index, from) => {
    if (request.action === 'connect') {
      // The very packet that would be right, from another port; only then what the tracker says.
      const forged = encodeUdpResponse(
        { action: 'connect', transactionId: request.transactionId, connectionId: 666n },
        4,
      )
      stranger.send(forged, from.port, from.address, () => {
        reply(
          encodeUdpResponse(
            { action: 'connect', transactionId: (request.transactionId ^ 1) >>> 0, connectionId: 667n },
            4,
          ),
        )
        reply(encodeUdpResponse({ action: 'scrape', transactionId: request.transactionId, figures: [] }, 4))
        reply(Uint8Array.of(0, 0, 0))
        reply(honest(request))
      })
      return
    }
    reply(request.connectionId === 42n ? honest(request) : no(request, 'wrong connection id'))
  })
  await using exchange = newExchange({ retryBaseMs: 5000 })
  equal((await exchange.ask(server.at, scrape, forever())).action, 'scrape')
  equal(exchange.strays, 4)
})

test('a garbled answer to our question is an error at once', async () => {
  await using server = await udpServer((request, reply) => reply(honest(request).subarray(0, 12)))
  await using exchange = newExchange({ retryBaseMs: 5000 })
  await rejects(exchange.ask(server.at, scrape, forever()), { name: 'DecodeError', code: 'TRUNCATED' })
})

test('an error is an answer; with an old connection id a new one is tried first, once', async () => {
  let restarted = false
  await using server = await udpServer((request, reply) =>
    reply(restarted && request.action === 'scrape' ? no(request, 'who are you?') : honest(request)),
  )
  await using exchange = newExchange({ retryBaseMs: 5000 })
  await exchange.ask(server.at, scrape, forever())
  restarted = true
  const { action } = await exchange.ask(server.at, scrape, forever())
  equal(action, 'error')
  deepEqual(server.actions, ['connect', 'scrape', 'scrape', 'connect', 'scrape'])
})

test('requests in flight are bounded; an abort and disposal end them', async () => {
  await using server = await udpServer(() => {})
  const exchange = newExchange({ retryBaseMs: 5000, inFlightMax: 2 })
  const controller = new AbortController()
  const first = exchange.ask(server.at, scrape, controller.signal)
  const second = exchange.ask(server.at, scrape, forever())
  await rejects(exchange.ask(server.at, scrape, forever()), { code: 'UDP_BUSY' })
  controller.abort()
  await rejects(first, { name: 'AbortError' })
  const ended = rejects(second, { code: 'DISPOSED' })
  await exchange[Symbol.asyncDispose]()
  await ended
  await rejects(exchange.ask(server.at, scrape, forever()), { code: 'DISPOSED' })
})
