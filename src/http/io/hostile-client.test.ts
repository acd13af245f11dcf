// Goal: no client can hold the server's connections, memory or time for long, nor reach what is not shared.
import { equal, match, ok } from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { toHex } from '../../base/bytes.ts'
import { peerId } from '../../base/ids.ts'
import { systemClock } from '../../base/io/system.ts'
import type { TallyLinkFactory } from '../../tally/link.ts'
import type { ShareServer, ShareServerSettings } from '../contract.ts'
import { testBytes, testShare } from './fixture.ts'
import { createShareServer } from './server.ts'

const shared = testShare({ pieceLength: 262_144, files: { film: testBytes(3_000_000) } })
const path = `/file/${toHex(shared.share.infoHashV2!)}`

async function start(settings: Partial<ShareServerSettings> = {}): Promise<ShareServer> {
  const server = await createShareServer(
    { listen: { host: '127.0.0.1', port: 0 }, ...settings },
    { clock: systemClock, peerId: peerId(new Uint8Array(20)) },
  )
  server.add(shared.reader)
  return server
}

type Raw = Disposable & {
  readonly socket: Socket
  /** All that came until the server closed the connection. */
  readonly closed: Promise<string>
}

function dial({ address }: ShareServer): Raw {
  const socket = connect(address.port, address.host)
  let text = ''
  const { promise, resolve } = Promise.withResolvers<string>()
  socket.on('data', (part) => {
    text += part.toString('latin1')
  })
  socket.on('error', () => undefined) // a reset is one way of being closed
  socket.on('close', () => resolve(text))
  return { socket, closed: promise, [Symbol.dispose]: () => void socket.destroy() }
}

test('headers that never end are cut off in time', async () => {
  await using server = await start({ headersTimeoutMs: 300 })
  using slow = dial(server)
  slow.socket.write('GET / HTTP/1.1\r\nHost: x\r\n')
  const drip = setInterval(() => slow.socket.write('X-A: b\r\n'), 50)
  const answer = await slow.closed
  clearInterval(drip)
  match(answer, /^HTTP\/1\.1 408 /)
})

test('a connection that says nothing is closed in time', async () => {
  await using server = await start({ headersTimeoutMs: 300 })
  using silent = dial(server)
  await silent.closed
  equal(server.status().connections, 0)
})

/** Links that let everything pass: only their carrier is looked at here. */
const easyLinks: TallyLinkFactory = () => ({
  receiveFrame: () => undefined,
  maySend: () => true,
  sent: () => undefined,
  verified: () => undefined,
  wasted: () => undefined,
  tick: () => undefined,
  finish: () => Promise.resolve(),
  close: () => undefined,
  state: {
    peerSpeaksTallies: true,
    sentBytes: 0,
    tallyInBytes: 0,
    tallyOutBytes: 0,
    paidInWei: 0n,
    paidOutWei: 0n,
  },
})

test('bodies of frames are bounded in time and size, and no other request may have one', async () => {
  await using server = await start({ headersTimeoutMs: 200 })
  server.add(shared.reader, { tallyLinks: easyLinks })
  const hello = `GET ${path}/have HTTP/1.1\r\nHost: x\r\nTSW-Peer: ${'07'.repeat(20)}\r\n\r\n`
  const post = (bytes: number) => `POST /tally HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`
  using slow = dial(server)
  slow.socket.write(`${hello}${post(1_000)}x`)
  await slow.closed
  using large = dial(server)
  large.socket.write(`${hello}${post(10_000_000)}`)
  large.socket.write(new Uint8Array(10_000_000))
  match(await large.closed, /HTTP\/1\.1 413 /)
  using stray = dial(server)
  stray.socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`)
  match(await stray.closed, /^HTTP\/1\.1 400 /)
  equal(server.status().sentBytes, 0)
})

test('headers without measure and nonsense are refused', async () => {
  await using server = await start()
  for (const [bytes, status] of [
    [`GET /health HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(40_000)}\r\n\r\n`, 431],
    [`GET /${'y'.repeat(40_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['GET /health HTTP/1.1\r\n\r\n', 400],
    ['GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
  ] as const) {
    using raw = dial(server)
    raw.socket.write(bytes)
    match(await raw.closed, new RegExp(`^HTTP/1.1 ${status} `))
  }
  ok(server.status().refused['HPE_HEADER_OVERFLOW']! >= 2)
})

test('pipelined requests are answered in order, a flood of them ends the connection', async () => {
  await using server = await start({ pipelinedRequestsMax: 8 })
  using polite = dial(server)
  const chunk = (i: number, more = '') => `GET ${path}/chunk/${i} HTTP/1.1\r\nHost: x\r\n${more}\r\n`
  polite.socket.write(chunk(0) + chunk(1) + chunk(2, 'Connection: close\r\n'))
  const bodies = (await polite.closed).split(/HTTP\/1\.1 200 OK\r\n/).slice(1)
  equal(bodies.length, 3)
  const film = Buffer.from(shared.contents[0]!)
  for (const [i, body] of bodies.entries()) {
    const bytes = Buffer.from(body.slice(body.indexOf('\r\n\r\n') + 4), 'latin1')
    ok(bytes.equals(film.subarray(i * 262_144, (i + 1) * 262_144)))
  }
  using flood = dial(server)
  flood.socket.pause() // never reads an answer
  flood.socket.write(chunk(0).repeat(2_000))
  flood.socket.resume()
  await flood.closed
  ok(server.status().refused['PIPELINE_FULL']! >= 1)
})

test('connections are bounded per address and in all', async () => {
  await using perIp = await start({ connectionsPerIpMax: 2 })
  using one = dial(perIp)
  using two = dial(perIp)
  while (perIp.status().connections < 2) await new Promise((next) => setTimeout(next, 5))
  using three = dial(perIp)
  equal(await three.closed, '')
  equal(perIp.status().refused['CONNECTIONS_PER_IP_MAX'], 1)
  one.socket.destroy()
  await one.closed
  while (perIp.status().connections > 1) await new Promise((next) => setTimeout(next, 5))
  using four = dial(perIp)
  four.socket.write('GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  match(await four.closed, /OK$/)
  two.socket.destroy()

  await using all = await start({ connectionsMax: 1 })
  using first = dial(all)
  while (all.status().connections < 1) await new Promise((next) => setTimeout(next, 5))
  using second = dial(all)
  equal(await second.closed, '')
  equal(all.status().refused['CONNECTIONS_MAX'], 1)
  first.socket.destroy()
})

test('a client that does not take its response is let go, and its buffers serve others', async () => {
  const readFile = async (file: number, offset: number, into: Uint8Array) => {
    await shared.reader.readFile(file, offset % 1_000_000, into)
  }
  const layoutBytes = shared.share.layout.payloadBytes
  await using server = await start({ writeTimeoutMs: 200, bufferBytes: 262_144, buffersBytesMax: 524_288 })
  server.add({ ...shared.reader, readFile })
  const stuck = Array.from({ length: 4 }, () => {
    const raw = dial(server)
    raw.socket.pause()
    raw.socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(8))
    return raw
  })
  while (server.status().connections > 0 || server.status().requests < 4) {
    await new Promise((next) => setTimeout(next, 20))
  }
  ok(server.status().refused['CLIENT_TOO_SLOW']! >= 1)
  using next = dial(server)
  next.socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  ok((await next.closed).length > layoutBytes)
  for (const raw of stuck) raw.socket.destroy()
})

test('paths that climb, and hashes that are names, lead nowhere', async () => {
  await using server = await start()
  for (const target of [
    '/../../etc/passwd',
    '/webseed/../../etc/passwd',
    `/webseed/${toHex(shared.share.infoHashV2!)}/../film`,
    `/webseed/${toHex(shared.share.infoHashV2!)}/%2e%2e/film`,
    `/webseed/${toHex(shared.share.infoHashV2!)}/..%5cfilm`,
    '/file/__proto__',
    '/file/constructor/chunk/0',
    '//etc/passwd',
  ]) {
    using raw = dial(server)
    raw.socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    match(await raw.closed, /^HTTP\/1\.1 404 /)
  }
})

test('closing the server ends what is under way', async () => {
  const server = await start()
  using raw = dial(server)
  raw.socket.pause()
  raw.socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(3))
  while (server.status().requests === 0) await new Promise((next) => setTimeout(next, 5))
  await server[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
  raw.socket.resume()
  await raw.closed
})
