// Goal: what a server refuses and why: bytes that are not verified, shares that are gone, clients that leave
// nothing.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { toHex, utf8Text } from '../../base/bytes.ts'
import { peerId } from '../../base/ids.ts'
import { systemClock } from '../../base/io/system.ts'
import { sha256 } from '../../crypto/io/sha.ts'
import type { ShareServerSettings } from '../contract.ts'
import { ask, testBytes, testShare } from './fixture.ts'
import { createShareServer } from './server.ts'

const settings: Partial<ShareServerSettings> = { listen: { host: '127.0.0.1', port: 0 } }
const parts = { clock: systemClock, peerId: peerId(new Uint8Array(20).fill(7)) }

test('a partial holder serves verified bytes only, and says when to ask again', async () => {
  const bytes = testBytes(200_000)
  const partial = testShare({ files: { part: bytes } })
  partial.reader.have.clear(3)
  const id = toHex(partial.share.infoHashV2!)
  await using server = await createShareServer(settings, parts)
  server.add(partial.reader)
  const had = await ask(server, `/file/${id}`, { headers: { Range: 'bytes=0-98303' } })
  deepEqual([had.status, had.body], [206, bytes.slice(0, 98_304)])
  for (const range of ['bytes=98303-98304', 'bytes=0-', 'bytes=0-0,-1,131071-131072']) {
    const lacking = await ask(server, `/file/${id}`, { headers: { Range: range } })
    equal(lacking.status, 503)
    equal(JSON.parse(lacking.text).code, 'NOT_HERE_YET')
    ok(Number(lacking.headers['retry-after']) > 0)
  }
  equal((await ask(server, `/file/${id}/layer/0`)).status, 503)
  equal((await ask(server, `/file/${id}/layer/1`)).status, 200, 'the piece layer is in the torrent')
  equal((await ask(server, `/file/${id}/layer/0`, { headers: { Range: 'bytes=0-191' } })).status, 206)
  partial.reader.have.set(3)
  equal((await ask(server, `/file/${id}`)).status, 200)
})

test('a share that was removed is gone under every name; one that replaced it is served', async () => {
  const bytes = testBytes(1_000)
  const one = testShare({ files: { one: bytes } })
  await using server = await createShareServer(settings, parts)
  server.add(one.reader)
  server.add(one.reader, { torrent: one.torrent })
  const names = [toHex(one.share.infoHashV1!), toHex(one.share.infoHashV2!), toHex(sha256(bytes))]
  for (const name of names) equal((await ask(server, `/file/${name}`)).status, 200)
  server.remove(one.share)
  for (const name of names) equal((await ask(server, `/file/${name}`)).status, 404)
})

test('a reader that fails costs the connection, and says nothing of why', async () => {
  const one = testShare({ files: { one: testBytes(300_000) } })
  await using server = await createShareServer({ ...settings, bufferBytes: 65_536 }, parts)
  const readFile = async (file: number, offset: number, into: Uint8Array) => {
    if (offset > 0) throw new Error('/secret/path: EIO')
    await one.reader.readFile(file, offset, into)
  }
  server.add({ ...one.reader, readFile })
  await rejects(ask(server, `/file/${toHex(one.share.infoHashV1!)}`), { code: 'ECONNRESET' })
  equal(server.status().refused['UNKNOWN'], 1)
})

test('clients without tallies get what the policy has for them', async () => {
  const one = testShare({ files: { one: testBytes(1_000) } })
  const path = `/file/${toHex(one.share.infoHashV1!)}`
  await using refusing = await createShareServer({ ...settings, plainClients: 'refuse' }, parts)
  refusing.add(one.reader)
  const refused = await ask(refusing, path)
  deepEqual([refused.status, JSON.parse(refused.text).code], [402, 'TALLIES_REQUIRED'])
  equal((await ask(refusing, `${path}/have`)).status, 200)

  await using slotted = await createShareServer({ ...settings, plainClients: { slots: 1 } }, parts)
  const gate = Promise.withResolvers<void>()
  const readFile = async (file: number, offset: number, into: Uint8Array) => {
    await gate.promise
    await one.reader.readFile(file, offset, into)
  }
  slotted.add({ ...one.reader, readFile })
  const first = ask(slotted, path)
  while (slotted.status().requests === 0) await setImmediate()
  const second = await ask(slotted, path)
  deepEqual([second.status, JSON.parse(second.text).code], [503, 'NO_SLOT'])
  gate.resolve()
  equal((await first).status, 200)
  equal((await ask(slotted, path)).status, 200)
  equal(utf8Text((await ask(slotted, '/health')).body), 'OK')
})

test('of two shares that hold a file, the one that has all of it answers', async () => {
  const film = testBytes(100_000)
  const lone = testShare({ files: { film } })
  const album = testShare({ files: { film, other: testBytes(10) } })
  lone.reader.have.clear(1)
  await using server = await createShareServer(settings, parts)
  server.add(lone.reader)
  const path = `/file/${toHex(sha256(film))}`
  equal((await ask(server, path)).status, 503)
  server.add(album.reader)
  deepEqual((await ask(server, path)).body, film)
  equal(server.status().sentBytesByShare[toHex(album.share.infoHashV2!)], film.length)
  server.remove(album.share)
  equal((await ask(server, path)).status, 503)
})

test('hashing for layers is bounded, and each piece is hashed once a request', async () => {
  const one = testShare({ files: { one: testBytes(300_000) } })
  let running = 0
  let most = 0
  let jobs = 0
  const leafHashes = async (piece: number) => {
    jobs++
    most = Math.max(most, ++running)
    await setImmediate()
    running--
    return one.reader.leafHashes(piece)
  }
  await using server = await createShareServer({ ...settings, layerJobsMax: 2 }, parts)
  server.add({ ...one.reader, leafHashes })
  const path = `/file/${toHex(one.share.infoHashV2!)}/layer/0`
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask(server, path)))
  for (const { body } of answers) deepEqual(body, answers[0]!.body)
  equal(most, 2)
  equal(jobs, 8 * one.share.layout.pieceCount)
})
