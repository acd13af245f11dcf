// Goal: every route of a real server answers as documented, in bytes, status and headers.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { concatBytes, toHex } from '../../base/bytes.ts'
import { peerId } from '../../base/ids.ts'
import { systemClock } from '../../base/io/system.ts'
import { sha256 } from '../../crypto/io/sha.ts'
import { layerAbove, leafLayer, rootOf } from '../../crypto/merkle.ts'
import type { ShareServer, ShareServerSettings } from '../contract.ts'
import { ask, testBytes, testShare } from './fixture.ts'
import { createShareServer } from './server.ts'

const settings: Partial<ShareServerSettings> = { listen: { host: '127.0.0.1', port: 0 } }
const parts = { clock: systemClock, peerId: peerId(new Uint8Array(20).fill(7)) }

describe('a server of four shares', () => {
  const big = testBytes(1_000_003)
  const tree = { 'a/one.txt': testBytes(70_000, 2), 'b.html': testBytes(5, 3), empty: new Uint8Array(0) }
  const single = testShare({ files: { 'big file.bin': big } })
  const folder = testShare({ files: tree })
  const old = testShare({
    version: 'v1',
    pieceLength: 50_000,
    files: { 'x/y': testBytes(60_000, 4), z: testBytes(99, 5) },
  })
  const nothing = testShare({ version: 'v1', files: { nothing: new Uint8Array(0) } })
  const id = toHex(single.share.infoHashV2!)
  const folderId = toHex(folder.share.infoHashV2!)
  const cidOf = (bytes: Uint8Array) => toHex(sha256(bytes))
  let server: ShareServer
  before(async () => {
    server = await createShareServer(
      { ...settings, bufferBytes: 65_536, corsOrigins: ['https://page.example'] },
      parts,
    )
    server.add(single.reader, { torrent: single.torrent })
    for (const { reader } of [folder, old, nothing]) server.add(reader)
  })
  after(() => server[Symbol.asyncDispose]())

  test('health', async () => {
    const { status, text } = await ask(server, '/health')
    deepEqual([status, text], [200, 'OK'])
  })

  for (const path of [
    `/file/${cidOf(big)}`,
    `/file/${id}`,
    `/file/${toHex(single.share.infoHashV1!)}/0`,
    `/files/${id}`,
  ]) {
    test(`the whole file: ${path}`, async () => {
      const { status, headers, body } = await ask(server, path)
      equal(status, 200)
      deepEqual(body, big)
      equal(headers['content-length'], String(big.length))
      equal(headers['accept-ranges'], 'bytes')
      equal(headers['etag'], `"${toHex(rootOf(leafLayer(big), 0))}"`)
      equal(headers['content-disposition'], 'attachment; filename="big file.bin"')
      equal(headers['content-type'], 'application/octet-stream')
      equal(headers['x-content-type-options'], 'nosniff')
      const head = await ask(server, path, { method: 'HEAD' })
      equal(head.body.length, 0)
      delete head.headers['date']
      delete headers['date']
      deepEqual(head.headers, headers)
    })
  }

  test('ranges: one, suffix, open end, none', async () => {
    for (const [range, start, end] of [
      ['bytes=0-0', 0, 1],
      ['bytes=65535-262145', 65_535, 262_146],
      ['bytes=-7', big.length - 7, big.length],
      ['bytes=1000000-', 1_000_000, big.length],
    ] as const) {
      const { status, headers, body } = await ask(server, `/file/${id}`, { headers: { Range: range } })
      equal(status, 206)
      equal(headers['content-range'], `bytes ${start}-${end - 1}/${big.length}`)
      equal(headers['content-length'], String(end - start))
      deepEqual(body, big.slice(start, end))
    }
    const none = await ask(server, `/file/${id}`, { headers: { Range: 'bytes=1000003-' } })
    equal(none.status, 416)
    equal(none.headers['content-range'], `bytes */${big.length}`)
    equal(JSON.parse(none.text).code, 'RANGE_NOT_SATISFIABLE')
    const many = await ask(server, `/file/${id}`, {
      headers: { Range: `bytes=${Array(50).fill('0-').join(',')}` },
    })
    equal(many.status, 416)
  })

  test('several ranges come as multipart/byteranges of exactly the announced length', async () => {
    const { status, headers, body } = await ask(server, `/file/${id}`, {
      headers: { Range: 'bytes=0-9,100-199,-5' },
    })
    equal(status, 206)
    equal(headers['content-length'], String(body.length))
    const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(headers['content-type']!)![1]!
    const text = Buffer.from(body).toString('latin1')
    const found = text
      .split(`--${boundary}`)
      .slice(1, -1)
      .map((part) => Buffer.from(part.slice(part.indexOf('\r\n\r\n') + 4, -2), 'latin1'))
    deepEqual(
      found.map((part) => new Uint8Array(part)),
      [big.slice(0, 10), big.slice(100, 200), big.slice(-5)],
    )
    ok(text.endsWith(`--${boundary}--\r\n`))
  })

  test('preconditions', async () => {
    const etag = (await ask(server, `/file/${id}`, { method: 'HEAD' })).headers['etag']!
    const status = async (headers: Record<string, string>) =>
      (await ask(server, `/file/${id}`, { headers })).status
    equal(await status({ 'If-None-Match': etag }), 304)
    equal(await status({ 'If-None-Match': '"other"' }), 200)
    equal(await status({ 'If-Match': '"other"' }), 412)
    equal(await status({ 'If-Match': etag, Range: 'bytes=0-1' }), 206)
    equal(await status({ 'If-Range': etag, Range: 'bytes=0-1' }), 206)
    equal(await status({ 'If-Range': '"other"', Range: 'bytes=0-1' }), 200)
  })

  test('an empty file is 200 and empty, has no chunk and no tree', async () => {
    for (const path of [`/file/${folderId}/2`, `/file/${toHex(nothing.share.infoHashV1!)}`]) {
      const { status, headers, body } = await ask(server, path)
      deepEqual([status, body.length, headers['content-length']], [200, 0, '0'])
      equal((await ask(server, path, { headers: { Range: 'bytes=0-' } })).status, 416)
      equal((await ask(server, `${path}/chunk/0`)).status, 404)
      equal((await ask(server, `${path}/layer/0`)).status, 404)
    }
  })

  test('chunks: 256 KiB, the last one short, none after it', async () => {
    const got: Uint8Array[] = []
    for (let i = 0; i < 4; i++) got.push((await ask(server, `/file/${cidOf(big)}/chunk/${i}`)).body)
    deepEqual(
      got.map(({ length }) => length),
      [262_144, 262_144, 262_144, 213_571],
    )
    deepEqual(concatBytes(...got), big)
    equal((await ask(server, `/file/${id}/0/chunk/4`)).status, 404)
    const part = await ask(server, `/file/${id}/chunk/3`, { headers: { Range: 'bytes=-1' } })
    deepEqual([part.status, part.body], [206, big.slice(-1)])
  })

  test('layers: every height agrees with the tree, ranges too', async () => {
    const leaves = leafLayer(big)
    for (let height = 0; height <= 6; height++) {
      const { status, body } = await ask(server, `/file/${id}/layer/${height}`)
      equal(status, 200)
      deepEqual(body, layerAbove(leaves, { from: 0, to: height }))
    }
    equal((await ask(server, `/file/${id}/layer/7`)).status, 404)
    const some = await ask(server, `/file/${id}/layer/0`, { headers: { Range: 'bytes=70-200' } })
    deepEqual(some.body, leaves.slice(70, 201))
    const small = await ask(server, `/file/${folderId}/1/layer/4`)
    deepEqual(small.body, rootOf(leafLayer(tree['b.html']), 0))
    equal((await ask(server, `/file/${toHex(old.share.infoHashV1!)}/0/layer/0`)).status, 404)
  })

  test('the bitfield, the torrent, Chiral metadata', async () => {
    const have = await ask(server, `/file/${id}/have`)
    deepEqual(have.body, single.reader.have.bytes)
    deepEqual((await ask(server, `/file/${id}/torrent`)).body, single.torrent)
    deepEqual((await ask(server, `/file/${cidOf(big)}/torrent`)).body, single.torrent)
    equal((await ask(server, `/file/${folderId}/torrent`)).status, 404)
    const metadata = await ask(server, `/files/${cidOf(big)}/metadata`)
    equal(metadata.headers['content-type'], 'application/json')
    deepEqual(JSON.parse(metadata.text), {
      hash: toHex(rootOf(leafLayer(big), 0)),
      file_hash: cidOf(big),
      name: 'big file.bin',
      size: big.length,
      encrypted: false,
    })
  })

  test('web-seed paths, and pads for clients that ask for them', async () => {
    const at = async (path: string) => ask(server, `/webseed/${path}`)
    deepEqual((await at(`${id}/big%20file.bin`)).body, big)
    deepEqual((await at(`${folderId}/share/a/one.txt`)).body, tree['a/one.txt'])
    deepEqual((await at(`${folderId}/share/.pad/28304`)).body, new Uint8Array(28_304))
    for (const bad of [
      'share',
      'other/b.html',
      'share/a',
      'share/.pad/99999999',
      'share/a/one.txt/x',
      'share/__proto__',
    ]) {
      equal((await at(`${folderId}/${bad}`)).status, 404)
    }
    const html = await at(`${folderId}/share/b.html`)
    equal(html.headers['content-type'], 'application/octet-stream')
  })

  test('what is wrong is said in JSON, with a code', async () => {
    const table: readonly (readonly [string, string, number, string])[] = [
      ['GET', '/nothing', 404, 'NO_SUCH_ROUTE'],
      ['GET', `/file/${'f'.repeat(64)}`, 404, 'UNKNOWN_HASH'],
      ['GET', `/file/${folderId}`, 409, 'SEVERAL_FILES'],
      ['GET', `/file/${folderId}/chunk/0`, 409, 'SEVERAL_FILES'],
      ['GET', `/file/${folderId}/3`, 404, 'UNKNOWN_HASH'],
      ['GET', `/file/${cidOf(big)}/0`, 404, 'UNKNOWN_HASH'],
      ['GET', `/file/${id}/chunk/999999`, 404, 'NO_SUCH_CHUNK'],
      ['DELETE', `/file/${id}`, 405, 'METHOD_NOT_ALLOWED'],
      ['OPTIONS', `/file/${id}`, 405, 'METHOD_NOT_ALLOWED'],
      ['GET', '/tally', 405, 'METHOD_NOT_ALLOWED'],
      ['POST', '/tally', 409, 'TALLY_NO_SESSION'],
      ['GET', `/file/${id}?${'x'.repeat(5_000)}`, 414, 'TARGET_TOO_LONG'],
      ['GET', `/webseed/${id}/..%2f..%2fetc/passwd`, 404, 'NO_SUCH_ROUTE'],
    ]
    for (const [method, path, status, code] of table) {
      const answer = await ask(server, path, { method })
      deepEqual([answer.status, JSON.parse(answer.text).code], [status, code])
      if (status === 405) ok(answer.headers['allow'])
    }
    const body = await ask(server, `/file/${id}`, { headers: { 'Content-Length': '5' }, body: 'hello' })
    deepEqual([body.status, body.headers['connection']], [400, 'close'])
    const twice = await ask(server, `/file/${id}/have`, { headers: { 'TSW-Frames': '!!!' } })
    equal(twice.status, 409)
  })

  test('only listed origins may read from pages', async () => {
    const cors = async (origin: string) =>
      (await ask(server, `/file/${id}/have`, { headers: { Origin: origin } })).headers[
        'access-control-allow-origin'
      ]
    equal(await cors('https://page.example'), 'https://page.example')
    equal(await cors('https://evil.example'), undefined)
    const preflight = await ask(server, `/file/${id}`, {
      method: 'OPTIONS',
      headers: { Origin: 'https://page.example' },
    })
    equal(preflight.status, 204)
  })

  test('counts what it sends, by share', async () => {
    const before = server.status().sentBytesByShare[id]!
    await ask(server, `/file/${id}`, { headers: { Range: 'bytes=0-99' } })
    equal(server.status().sentBytesByShare[id]! - before, 100)
  })
})
