// Goal: a real transfer fetches real shares over HTTP from our own nodes and as web seeds, byte for byte.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../base/bytes.ts'
import { peerId } from '../../base/ids.ts'
import { systemClock, systemRandom } from '../../base/io/system.ts'
import type { Download } from '../../transfer/io/download.ts'
import { Bench } from '../../transfer/io/fixture.ts'
import type { RangeSource, RangeSourceSettings, ShareServer } from '../contract.ts'
import { webSeedUrl } from '../web-seed.ts'
import { type TestShare, testBytes, testShare } from './fixture.ts'
import { createHttpSource } from './http-source.ts'
import { createShareServer } from './server.ts'
import { createWebSeedSource } from './web-seed-source.ts'

const listen = { host: '127.0.0.1', port: 0 }
const parts = { clock: systemClock, random: systemRandom, peerId: peerId(new Uint8Array(20).fill(1)) }
const serverParts = { clock: systemClock, peerId: peerId(new Uint8Array(20).fill(2)) }
const terms = { priceWeiPerMib: 0n, reputation: 500 }

const originOf = ({ address }: ShareServer) => `http://${address.host}:${address.port}`

function nodeSource(
  url: string,
  download: Download,
  settings: Partial<RangeSourceSettings> = {},
): RangeSource {
  const attach = (source: RangeSource['source']) => download.attach(source, terms)
  return createHttpSource({ url, origin: 'user', ...settings }, { ...parts, share: download.share, attach })
}

function webSeed(url: string, download: Download, settings: Partial<RangeSourceSettings> = {}): RangeSource {
  const attach = (source: RangeSource['source']) => download.attach(source, terms)
  const all = { url, allowPrivateAddresses: true, ...settings }
  return createWebSeedSource(all, { ...parts, share: download.share, attach })
}

function expectFiles(bench: Bench, { share, contents }: TestShare): void {
  for (const { index, path } of share.files) {
    const names = share.singleFile ? [path] : [share.name, ...path.split('/')]
    deepEqual(bench.read(...names), contents[index], path)
  }
}

const ONE = { 'film.bin': testBytes(1_500_001, 3) }
const TREE = {
  'a.bin': testBytes(100_000, 4),
  'b/empty': new Uint8Array(0),
  'b/c d.bin': testBytes(32_768, 5),
  'b/ü.bin': testBytes(5, 6),
  'e.bin': testBytes(170_001, 7),
}

for (const version of ['v1', 'v2', 'hybrid'] as const) {
  for (const files of [ONE, TREE]) {
    const name = `${Object.keys(files).length} files, ${version}`
    test(`from one of our nodes: ${name}`, async () => {
      const shared = testShare({ version, files })
      await using server = await createShareServer({ listen }, serverParts)
      server.add(shared.reader)
      await using bench = new Bench()
      await using download = await bench.open(shared.share)
      await using source = nodeSource(originOf(server), download)
      await download.finished
      expectFiles(bench, shared)
      equal((await source.ended).code, 'complete')
      const status = source.status()
      equal(status.droppedBytes, 0)
      equal(status.receivedBytes, shared.share.layout.payloadBytes, 'pad bytes are not fetched')
      deepEqual(status.failures, {})
    })

    test(`as a web seed: ${name}`, async () => {
      const shared = testShare({ version, files })
      await using server = await createShareServer({ listen }, serverParts)
      server.add(shared.reader)
      await using bench = new Bench()
      await using download = await bench.open(shared.share)
      const id = toHex((shared.share.infoHashV1 ?? shared.share.infoHashV2)!)
      await using source = webSeed(webSeedUrl(originOf(server), id), download)
      await download.finished
      expectFiles(bench, shared)
      equal(source.status().receivedBytes, shared.share.layout.payloadBytes)
    })
  }
}

test('blocks that lie across files are put together from several requests', async () => {
  const files = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`f${i}`, testBytes(i * 97, i + 1)]))
  const shared = testShare({ version: 'v1', pieceLength: 16_384, files })
  await using server = await createShareServer({ listen }, serverParts)
  server.add(shared.reader)
  await using bench = new Bench()
  await using download = await bench.open(shared.share)
  await using _source = nodeSource(originOf(server), download)
  await download.finished
  expectFiles(bench, shared)
})

test('two partial holders make a whole, and what one gets later is fetched later', async () => {
  const shared = testShare({ files: ONE })
  const { pieceCount } = shared.share.layout
  const [even, odd] = [testShare({ files: ONE }).reader, testShare({ files: ONE }).reader]
  for (let i = 0; i < pieceCount; i++) (i % 2 === 0 ? odd : even).have.clear(i)
  odd.have.clear(1)
  await using first = await createShareServer({ listen }, serverParts)
  await using second = await createShareServer({ listen }, serverParts)
  first.add(even)
  second.add(odd)
  await using bench = new Bench()
  await using download = await bench.open(shared.share)
  await using one = nodeSource(originOf(first), download, { haveRefreshMs: 100 })
  await using two = nodeSource(originOf(second), download, { haveRefreshMs: 100 })
  while (download.status().piecesVerified < pieceCount - 1) await new Promise((next) => setTimeout(next, 20))
  odd.have.set(1)
  await download.finished
  expectFiles(bench, shared)
  ok(one.status().receivedBytes > 0 && two.status().receivedBytes > 0)
  deepEqual([one.status().failures, two.status().failures], [{}, {}], 'nobody was asked for what it lacks')
})

test('a node that goes away costs its requests in flight and nothing else', async () => {
  const shared = testShare({ files: ONE })
  await using steady = await createShareServer({ listen }, serverParts)
  const doomed = await createShareServer({ listen, bufferBytes: 16_384 }, serverParts)
  steady.add(shared.reader)
  let reads = 0
  const readFile = async (file: number, offset: number, into: Uint8Array) => {
    if (++reads === 5) void doomed[Symbol.asyncDispose]()
    await shared.reader.readFile(file, offset, into)
  }
  doomed.add({ ...shared.reader, readFile })
  await using bench = new Bench()
  await using download = await bench.open(shared.share)
  await using lost = nodeSource(originOf(doomed), download, {
    failuresMax: 2,
    backoffMs: { first: 10, max: 20 },
  })
  await using _kept = nodeSource(originOf(steady), download, { connections: 1 })
  await download.finished
  expectFiles(bench, shared)
  ok(Object.values(lost.status().failures).reduce((sum, count) => sum + count, 0) > 0)
})
