// Goal: whatever a server does, a source neither stalls its transfer nor passes on what was not asked, and
// says why it ended.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { peerId } from '../../base/ids.ts'
import { systemClock, systemRandom } from '../../base/io/system.ts'
import type { Download } from '../../transfer/io/download.ts'
import { Bench } from '../../transfer/io/fixture.ts'
import type { RangeSource, RangeSourceSettings, SourceEnd } from '../contract.ts'
import { parseRange } from '../ranges.ts'
import { testBytes, testShare } from './fixture.ts'
import { createHttpSource } from './http-source.ts'
import { createShareServer } from './server.ts'
import { createWebSeedSource } from './web-seed-source.ts'

const FILM = testBytes(600_000, 9)
const shared = testShare({ files: { film: FILM } })
const parts = {
  clock: systemClock,
  random: systemRandom,
  peerId: peerId(new Uint8Array(20)),
  share: shared.share,
}
const hurried: Partial<RangeSourceSettings> = {
  allowPrivateAddresses: true,
  connections: 1,
  failuresMax: 2,
  backoffMs: { first: 5, max: 10 },
}
/** Only where slowness itself is the fault: elsewhere a loaded machine would be taken for a bad server. */
const impatientOfBodies = { idleTimeoutMs: 300, bytesPerSMin: 100_000 }
const impatientOfSilence = { responseTimeoutMs: 100, connectTimeoutMs: 2_000, failuresMax: 1 }

type Handler = (req: IncomingMessage, res: ServerResponse, range: { start: number; end: number }) => void

/** A server of ours to misbehave; gone with `using`. */
async function hostile(
  handler: Handler,
): Promise<AsyncDisposable & { readonly url: string; requests: number }> {
  const state = { requests: 0 }
  const server = createServer((req, res) => {
    state.requests++
    const outcome = parseRange(req.headers.range, FILM.length)
    handler(req, res, outcome.kind === 'ranges' ? outcome.ranges[0]! : { start: 0, end: FILM.length })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/film`,
    get requests() {
      return state.requests
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const seedFrom = (
  url: string,
  download: Download,
  settings: Partial<RangeSourceSettings> = {},
): RangeSource =>
  createWebSeedSource(
    { ...hurried, url, ...settings },
    { ...parts, attach: (source) => download.attach(source, { priceWeiPerMib: 0n, reputation: 500 }) },
  )

const right = (start: number, end: number) => ({
  'Content-Range': `bytes ${start}-${end - 1}/${FILM.length}`,
  'Content-Length': String(end - start),
})

type HostileServer = {
  readonly handler: Handler
  readonly cause: string
  readonly settings?: Partial<RangeSourceSettings>
}
const servers: Readonly<Record<string, HostileServer>> = {
  'another range than was asked': {
    handler: (_req, res, { start, end }) => {
      res.writeHead(206, right(start + 1, end + 1)).end(FILM.subarray(start, end))
    },
    cause: 'WRONG_RANGE',
  },
  'a range of a file of another size': {
    handler: (_req, res, { start, end }) => {
      const headers = { ...right(start, end), 'Content-Range': `bytes ${start}-${end - 1}/12345678` }
      res.writeHead(206, headers).end(FILM.subarray(start, end))
    },
    cause: 'WRONG_RANGE',
  },
  'no range at all': {
    handler: (_req, res) => void res.writeHead(200, { 'Content-Length': FILM.length }).end(FILM),
    cause: 'RANGE_IGNORED',
  },
  'a Content-Length that is a lie': {
    handler: (_req, res, { start, end }) => {
      res.writeHead(206, { ...right(start, end), 'Content-Length': '5' }).end('hello')
    },
    cause: 'WRONG_LENGTH',
  },
  'a body without end': {
    handler: (_req, res, { start, end }) => {
      res.writeHead(206, { 'Content-Range': right(start, end)['Content-Range'] })
      const pour = () => {
        while (!res.destroyed && res.write(new Uint8Array(65_536)));
      }
      res.on('drain', pour)
      pour()
    },
    cause: 'BODY_TOO_LONG',
  },
  'half a body, then silence': {
    handler: (_req, res, { start, end }) => {
      res.writeHead(206, right(start, end)).write(FILM.subarray(start, (start + end) >>> 1))
    },
    cause: 'BODY_TOO_SLOW',
    settings: impatientOfBodies,
  },
  'a drip of single bytes': {
    handler: (_req, res, { start, end }) => {
      res.writeHead(206, right(start, end))
      const drip = setInterval(() => res.write('x'), 20)
      res.once('close', () => clearInterval(drip))
    },
    cause: 'BODY_TOO_SLOW',
    settings: impatientOfBodies,
  },
  'no answer': { handler: () => undefined, cause: 'RESPONSE_TIMEOUT', settings: impatientOfSilence },
  'a dropped connection': { handler: (req) => void req.socket.destroy(), cause: 'CONNECTION_BROKEN' },
  'headers without measure': {
    handler: (_req, res, { start, end }) => {
      res.writeHead(206, { ...right(start, end), 'X-Much': 'x'.repeat(60_000) }).end()
    },
    cause: 'RESPONSE_MALFORMED',
  },
  'a redirect to itself': {
    handler: (_req, res) => void res.writeHead(302, { Location: '/film' }).end(),
    cause: 'REDIRECT_LOOP',
  },
  'a redirect to a file': {
    handler: (_req, res) => void res.writeHead(302, { Location: 'file:///etc/passwd' }).end(),
    cause: 'URL_SCHEME',
  },
  'gzip, though nobody asked for it': {
    handler: (_req, res, { start, end }) => {
      const bomb = gzipSync(new Uint8Array(end - start))
      const headers = {
        ...right(start, end),
        'Content-Encoding': 'gzip',
        'Content-Length': String(bomb.length),
      }
      res.writeHead(206, headers).end(bomb)
    },
    cause: 'CONTENT_CODED',
  },
  'multipart instead of one range': {
    handler: (_req, res) => {
      res.writeHead(206, { 'Content-Type': 'multipart/byteranges; boundary=x' }).end('--x--')
    },
    cause: 'WRONG_RANGE',
  },
  'a refusal': { handler: (_req, res) => void res.writeHead(403).end('no'), cause: 'HTTP_403' },
  'not found': { handler: (_req, res) => void res.writeHead(404).end('no'), cause: 'HTTP_404' },
  'errors for ever': { handler: (_req, res) => void res.writeHead(500).end('no'), cause: 'HTTP_500' },
}
for (const [what, { handler, cause, settings }] of Object.entries(servers)) {
  test(`a server that sends ${what}`, async () => {
    await using server = await hostile(handler)
    await using bench = new Bench()
    await using download = await bench.open(shared.share)
    await using source = seedFrom(server.url, download, settings)
    const end: SourceEnd = await source.ended
    deepEqual(end, { code: 'failed', cause })
    ok(server.requests <= 8, `${server.requests} requests`)
    // The transfer is none the worse: an honest node beside it is enough.
    await using honest = await createShareServer({ listen: { host: '127.0.0.1', port: 0 } }, parts)
    honest.add(shared.reader)
    const { host, port } = honest.address
    await using _node = createHttpSource(
      { url: `http://${host}:${port}`, origin: 'user' },
      { ...parts, attach: (made) => download.attach(made, { priceWeiPerMib: 0n, reputation: 500 }) },
    )
    await download.finished
    deepEqual(bench.read('film'), FILM)
  })
}

test('a server that sends wrong bytes is closed by the transfer, for bad data', async () => {
  await using server = await hostile((_req, res, { start, end }) => {
    res.writeHead(206, right(start, end)).end(new Uint8Array(end - start))
  })
  await using bench = new Bench()
  await using download = await bench.open(shared.share)
  await using source = seedFrom(server.url, download)
  equal((await source.ended).code, 'bad-data')
})

test('blocks that came whole before the connection broke are kept', async () => {
  let broken = 0
  await using server = await hostile((_req, res, { start, end }) => {
    const whole = end - start <= 32_768
    res.writeHead(206, right(start, end))
    if (whole) res.end(FILM.subarray(start, end))
    else {
      broken++
      res.write(FILM.subarray(start, end - 10_000), () => setTimeout(() => res.destroy(), 20))
    }
  })
  await using bench = new Bench()
  await using download = await bench.open(shared.share)
  await using source = seedFrom(server.url, download, { failuresMax: 50 })
  await download.finished
  deepEqual(bench.read('film'), FILM)
  ok(broken > 0)
  // Of each broken response only the block that was cut is fetched again.
  ok(source.status().receivedBytes - FILM.length <= broken * 16_384)
})

test('a busy server is asked again when it says so', async () => {
  let busy = 2
  await using server = await hostile((_req, res, { start, end }) => {
    if (busy-- > 0) res.writeHead(503, { 'Retry-After': '0' }).end()
    else res.writeHead(206, right(start, end)).end(FILM.subarray(start, end))
  })
  await using bench = new Bench()
  await using download = await bench.open(shared.share)
  await using source = seedFrom(server.url, download, { failuresMax: 3 })
  await download.finished
  deepEqual(source.status().failures, { HTTP_503: 2 })
})

test('a redirect is followed, remembered, and checked against the rules for strangers', async () => {
  await using target = await hostile((_req, res, { start, end }) => {
    res.writeHead(206, right(start, end)).end(FILM.subarray(start, end))
  })
  await using server = await hostile((_req, res) => void res.writeHead(301, { Location: target.url }).end())
  await using bench = new Bench()
  await using download = await bench.open(shared.share)
  await using source = seedFrom(server.url, download)
  await download.finished
  equal(server.requests, 1)
  ok(source.status().requests > 1)

  // The same from a URL that a user typed: it may lead to this machine, where it leads on may not.
  await using other = new Bench()
  await using again = await other.open(shared.share)
  await using typed = seedFrom(server.url, again, { origin: 'user', allowPrivateAddresses: false })
  deepEqual(await typed.ended, { code: 'failed', cause: 'ADDRESS_REFUSED' })
})

for (const host of [
  '127.0.0.1',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '0x7f.1',
  '2130706433',
  'localhost',
  '169.254.169.254',
  '10.0.0.1',
  '[fd00::1]',
]) {
  test(`a torrent cannot send us to ${host}`, async () => {
    await using server = await hostile((_req, res) => void res.end())
    const { port } = new URL(server.url)
    await using bench = new Bench()
    await using download = await bench.open(shared.share)
    await using source = seedFrom(`http://${host}:${port}/film`, download, { allowPrivateAddresses: false })
    deepEqual(await source.ended, { code: 'failed', cause: 'ADDRESS_REFUSED' })
    equal(server.requests, 0)
  })
}

test('a bitfield of a wrong length or with spare bits ends a node source', async () => {
  for (const [body, cause] of [
    [new Uint8Array(2), 'BITFIELD_LENGTH'],
    [new Uint8Array(3).fill(255), 'BITFIELD_SPARE_BITS'],
    [new Uint8Array(4), 'BODY_TOO_LONG'],
  ] as const) {
    await using server = await hostile((_req, res) => void res.end(body))
    await using bench = new Bench()
    await using download = await bench.open(shared.share)
    await using source = createHttpSource(
      { ...hurried, url: new URL(server.url).origin },
      { ...parts, attach: (made) => download.attach(made, { priceWeiPerMib: 0n, reputation: 500 }) },
    )
    deepEqual(await source.ended, { code: 'failed', cause })
  }
})
