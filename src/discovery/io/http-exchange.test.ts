// Goal: whatever a web server does, an exchange ends within its bounds, with an answer or a code.
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { concatBytes, utf8 } from '../../base/bytes.ts'
import { type HttpCall, type HttpExchangeSettings, httpExchange } from './http-exchange.ts'

/** A TCP server that answers each request head with raw bytes, or does as it likes with the socket. */
async function raw(answer: (head: string, socket: Socket) => Uint8Array | string | undefined) {
  const sockets = new Set<Socket>()
  const heads: string[] = []
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    let head = ''
    socket.on('data', (chunk) => {
      const before = head.includes('\r\n\r\n')
      head += chunk.toString('latin1')
      if (before || !head.includes('\r\n\r\n')) return
      heads.push(head)
      const bytes = answer(head, socket)
      if (bytes !== undefined) socket.end(bytes)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: new URL(`http://127.0.0.1:${port}/announce`),
    heads,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const settings: HttpExchangeSettings = {
  userAgent: 'Tallyswarm/0.1.0',
  reach: 'local',
  responseBytesMax: 10_000,
  redirectsMax: 3,
  timeoutMs: 5_000,
}
const exchange = (url: URL, over: Partial<HttpExchangeSettings> = {}, call: Partial<HttpCall> = {}) =>
  httpExchange({ url, signal: new AbortController().signal, ...call }, { ...settings, ...over })
const ok = (body: Uint8Array | string, headers = '') =>
  concatBytes(utf8(`HTTP/1.1 200 OK\r\n${headers}\r\n`), typeof body === 'string' ? utf8(body) : body)

test('takes plain and zipped answers, with a length, in chunks, or to the end', async () => {
  for (const answer of [
    ok('d1:ai1ee'),
    ok('d1:ai1ee', 'Content-Length: 8\r\n'),
    ok('3\r\nd1:\r\n5\r\nai1ee\r\n0\r\n\r\n', 'Transfer-Encoding: chunked\r\n'),
    ok(gzipSync('d1:ai1ee'), 'Content-Encoding: gzip\r\n'),
    ok(gzipSync('d1:ai1ee'), 'Content-Encoding: X-GZIP\r\n'),
  ]) {
    await using server = await raw(() => answer)
    const { status, body, address } = await exchange(server.url)
    deepEqual([status, Buffer.from(body).toString(), address], [200, 'd1:ai1ee', '127.0.0.1'])
  }
})

const redirect = (location: string) => `HTTP/1.1 302 Found\r\nLocation: ${location}\r\n\r\n`
const hostile: [string, string, (head: string, socket: Socket) => Uint8Array | string | undefined][] = [
  ['HTTP_TOO_LARGE', 'a body over the limit', () => ok(new Uint8Array(10_001))],
  [
    'HTTP_TOO_LARGE',
    'a body without end',
    (_, socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      const more = () => socket.writable && socket.write(new Uint8Array(4096), more)
      more()
      return undefined
    },
  ],
  ['HTTP_TOO_LARGE', 'a zip bomb', () => ok(gzipSync(new Uint8Array(2 ** 20)), 'Content-Encoding: gzip\r\n')],
  ['HTTP_ENCODING', 'a broken zip', () => ok('no zip', 'Content-Encoding: gzip\r\n')],
  ['HTTP_ENCODING', 'an encoding not asked for', () => ok('x', 'Content-Encoding: br\r\n')],
  ['HTTP_FAILED', 'less than its length says', () => ok('short', 'Content-Length: 100\r\n')],
  ['HTTP_FAILED', 'headers over the limit', () => ok('', `X: ${'x'.repeat(20_000)}\r\n`)],
  ['HTTP_FAILED', 'no HTTP', () => 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ['HTTP_FAILED', 'nothing at all', () => ''],
  ['HTTP_REDIRECT', 'a redirect to itself', () => redirect('/announce')],
  ['HTTP_REDIRECT', 'a redirect off the web', () => redirect('file:///etc/passwd')],
  ['HTTP_REDIRECT', 'a redirect to nowhere', () => redirect('http://[')],
  [
    'ADDRESS_REFUSED',
    'a redirect to a metadata service',
    () => redirect('http://169.254.169.254/latest/meta-data'),
  ],
]
for (const [code, what, answer] of hostile) {
  test(`${code}: ${what}`, async () => {
    await using server = await raw(answer)
    await rejects(exchange(server.url), { name: 'CodedError', code })
  })
}

test('HTTP_TIMEOUT: silence, and a body that trickles', async () => {
  const trickle = (socket: Socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    const timer = setInterval(() => socket.write('d'), 5)
    socket.on('close', () => clearInterval(timer))
    return undefined
  }
  for (const answer of [() => undefined, (_: string, socket: Socket) => trickle(socket)]) {
    await using server = await raw(answer)
    await rejects(exchange(server.url, { timeoutMs: 100 }), { code: 'HTTP_TIMEOUT' })
  }
})

test('a redirect is followed to its end, as often as allowed', async () => {
  await using server = await raw((head) =>
    head.startsWith('GET /2 ') ? ok('here') : redirect(head.startsWith('GET /1 ') ? '/2' : '/1'),
  )
  equal(Buffer.from((await exchange(server.url)).body).toString(), 'here')
  equal(server.heads.length, 3)
  await rejects(exchange(server.url, { redirectsMax: 1 }), { code: 'HTTP_REDIRECT' })
})

test('a name that leads inside is refused before anything is sent', async () => {
  await using server = await raw(() => ok('secret'))
  const url = new URL(`http://inside.example:${server.port}/`)
  await rejects(exchange(url, { reach: 'public' }, { lookup: async () => ['127.0.0.1'] }), {
    code: 'ADDRESS_REFUSED',
  })
  equal(server.heads.length, 0)
})

test('a name is resolved once and stands in the Host header; the checked address is called', async () => {
  await using server = await raw(() => ok(''))
  const url = new URL(`http://tracker.example:${server.port}/a?info_hash=%00%FF+`)
  const answers = [['127.0.0.1'], ['127.0.0.2']]
  await exchange(url, {}, { lookup: async () => answers.shift()! })
  deepEqual(answers, [['127.0.0.2']])
  const head = [
    'GET /a?info_hash=%00%FF+ HTTP/1.1',
    `Host: tracker.example:${server.port}`,
    'User-Agent: Tallyswarm/0.1.0',
    'Accept-Encoding: gzip',
    'Connection: close',
  ]
  equal(server.heads[0], `${head.join('\r\n')}\r\n\r\n`)
})

test('a POST carries its JSON and is not redirected', async () => {
  await using server = await raw((_, socket) => {
    socket.once('data', () => {})
    return redirect('/elsewhere')
  })
  await rejects(exchange(server.url, {}, { json: '{"a":"é"}' }), { code: 'HTTP_REDIRECT' })
  equal(/Content-Length: 10\r\n/.test(server.heads[0]!), true)
})

test('an abort ends it, and an address family that is missing is named', async () => {
  await using server = await raw(() => undefined)
  const controller = new AbortController()
  const running = exchange(server.url, {}, { signal: controller.signal })
  controller.abort()
  await rejects(running, { code: 'HTTP_FAILED' })
  await rejects(exchange(server.url, {}, { addressBytes: 16 }), { code: 'NO_ADDRESS' })
})
