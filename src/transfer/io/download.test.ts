// Goal: what was downloaded is on the disk byte for byte, under its final name, whatever the torrent's kind.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { cid } from '../../base/ids.ts'
import type { Share } from '../../content/share.ts'
import { Bench, createSample, feed, type Sample, tempFolder } from './fixture.ts'

const MKFIFO = '/usr/bin/mkfifo'
const ALBUM = { 'a.bin': 100_000, 'b/empty': 0, 'b/c.bin': 32_768, 'b/d.bin': 5, 'e.bin': 70_001 }

function expectFiles(bench: Bench, { share, contents }: Sample): void {
  for (const [name, bytes] of contents) {
    const path = share.singleFile ? [name] : [share.name, ...name.split('/')]
    deepEqual(bench.read(...path), bytes, name)
  }
}

for (const version of ['v1', 'v2', 'hybrid'] as const) {
  for (const [kind, files] of [
    ['a file', { 'movie.bin': 333_333 }],
    ['a folder', ALBUM],
  ] as const) {
    test(`downloads ${kind}, ${version}`, async () => {
      using source = tempFolder()
      await using bench = new Bench()
      const sample = await createSample(source.path, files, { version })
      await using download = await bench.open(sample.share)
      equal(existsSync(join(bench.outputFolder, sample.share.name)), false)
      await feed(download, sample)
      await download.finished
      expectFiles(bench, sample)
      deepEqual(readdirSync(bench.outputFolder), [sample.share.name])
      equal(download.status().path, join(bench.outputFolder, sample.share.name))
    })
  }
}

test('many workers write one share', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const sample = await createSample(source.path, { x: 3_000_000 }, { version: 'v1' })
  Object.defineProperty(bench.store.workers, 'workersMax', { value: 3 })
  await using download = await bench.open(sample.share, { arenaBytesMax: 10 * 32_768 })
  await feed(download, sample, { script: { label: 'fast', depth: 64, blocksPerStep: 64 } })
  expectFiles(bench, sample)
})

test('bytes of a liar never reach the disk', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const sample = await createSample(source.path, { x: 200_000 }, { version: 'hybrid' })
  await using download = await bench.open(sample.share)
  let closed = false
  const liar = await feed(download, sample, {
    script: { label: 'liar', lies: () => true },
    until: () => closed || (closed = download.status().sources.some((one) => !one.attached)),
  })
  equal(liar.closed[0]!.code, 'bad-data')
  equal(existsSync(join(bench.outputFolder, 'x.tsw-part')), false)
  await feed(download, sample)
  await download.finished
  expectFiles(bench, sample)
})

test('fetches the chosen files only; the edges of others stay out of the folder', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const sample = await createSample(source.path, ALBUM, { version: 'v1' })
  const chosen = sample.share.files.filter(({ path }) => path === 'e.bin' || path === 'b/empty')
  const settings = { chosenFiles: chosen.map(({ index }) => index) }
  {
    await using download = await bench.open(sample.share, settings)
    await feed(download, sample)
    await download.finished
    const folder = join(bench.outputFolder, 'album')
    deepEqual(readdirSync(folder).sort(), ['b', 'e.bin'])
    deepEqual(readdirSync(join(folder, 'b')), ['empty'])
    deepEqual(bench.read('album', 'e.bin'), sample.contents.get('e.bin'))
    // The piece at the edge can be served whole all the same.
    const piece = Math.floor(sample.share.layout.files[chosen.at(-1)!.index]!.offset / 32_768)
    const bytes = new Uint8Array(32_768)
    await download.reader.read(piece, 0, [bytes])
    deepEqual(bytes, sample.data.subarray(piece * 32_768, (piece + 1) * 32_768))
  }
  await using again = await bench.open(sample.share, settings)
  equal(again.status().state, 'complete')
})

test('a finished download is found again, after a clean stop and without any state', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const sample = await createSample(source.path, ALBUM, { version: 'hybrid' })
  {
    await using download = await bench.open(sample.share)
    await feed(download, sample)
    await download.finished
  }
  let hashed = 0
  const onVerify = () => hashed++
  {
    await using download = await bench.open(sample.share, { onVerify })
    await download.finished
    equal(hashed, 0)
  }
  await using download = await bench.open(sample.share, {
    onVerify,
    stateFolder: join(bench.folder.path, 'new'),
  })
  await download.finished
  equal(hashed, sample.share.layout.pieceCount)
})

test('never overwrites another file of the same name', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const sample = await createSample(source.path, { x: 100_000 }, { version: 'v1' })
  mkdirSync(bench.outputFolder)
  for (const size of [100_000, 5]) {
    const mine = new Uint8Array(size).fill(7)
    for (const [name, code] of [
      ['x', 'FINAL_EXISTS'],
      ['x.tsw-part', 'PART_EXISTS'],
    ] as const) {
      using state = tempFolder()
      writeFileSync(join(bench.outputFolder, name), mine)
      await rejects(bench.open(sample.share, { stateFolder: join(state.path, name) }), { code })
      deepEqual(bench.read(name), mine)
      renameSync(join(bench.outputFolder, name), join(bench.folder.path, `${name}${size}`))
    }
  }
})

test('a file that takes the final name meanwhile is kept: the download waits', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const sample = await createSample(source.path, { x: 100_000 }, { version: 'v1' })
  await using download = await bench.open(sample.share)
  const other = new Uint8Array(10)
  writeFileSync(join(bench.outputFolder, 'x'), other)
  await feed(download, sample, { until: () => download.status().state === 'paused' })
  ok(download.status().message.includes('move it away'))
  deepEqual(bench.read('x'), other)
  renameSync(join(bench.outputFolder, 'x'), join(bench.outputFolder, 'y'))
  download.resume()
  await download.finished
  expectFiles(bench, sample)
})

test('two downloads never write the same path', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const sample = await createSample(source.path, { x: 100_000 }, { version: 'v1' })
  await using _first = await bench.open(sample.share)
  await rejects(bench.open(sample.share), { code: 'PATH_IN_USE' })
})

for (const [what, plant] of [
  [
    'a link in place of a folder',
    (out: string, outside: string) => symlinkSync(outside, join(out, 'album.tsw-part')),
  ],
  [
    'a link in place of a file',
    (out: string, outside: string) => {
      mkdirSync(join(out, 'album.tsw-part'))
      symlinkSync(join(outside, 'victim'), join(out, 'album.tsw-part', 'a.bin'))
    },
  ],
] as const) {
  test(`refuses to write through ${what}`, async () => {
    using source = tempFolder()
    using outside = tempFolder()
    await using bench = new Bench()
    const sample = await createSample(source.path, ALBUM, { version: 'v1' })
    await using download = await bench.open(sample.share)
    plant(bench.outputFolder, outside.path)
    await feed(download, sample, { until: () => download.status().state === 'paused' })
    ok(download.status().message.includes('symbolic link'), download.status().message)
    deepEqual(readdirSync(outside.path), [])
  })
}

test('a named pipe in place of a file is not written to, and does not hang', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const sample = await createSample(source.path, { x: 100_000 }, { version: 'v1' })
  await using download = await bench.open(sample.share)
  execFileSync(MKFIFO, [join(bench.outputFolder, 'x.tsw-part')])
  await feed(download, sample, { until: () => download.status().state === 'paused' })
  ok(download.status().message.includes('not a regular file'), download.status().message)
})

test('a hybrid share whose layers are unknown is verified by SHA-1, padding included, in used slots', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const sample = await createSample(source.path, ALBUM, { version: 'hybrid' })
  const share: Share = { ...sample.share, pieceLayers: new Map() }
  await using download = await bench.open(share, { arenaBytesMax: 2 * 32_768 })
  const memory = await feed(download, { ...sample, share })
  await download.finished
  expectFiles(bench, sample)
  deepEqual(memory.closed, [{ code: 'complete' }])
})

test('a wrong cid leaves the final name unwritten', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const sample = await createSample(source.path, { x: 100_000 }, { version: 'hybrid' })
  const files = sample.share.files.map((file) => ({ ...file, cid: cid(new Uint8Array(32)) }))
  const share: Share = { ...sample.share, files }
  await using download = await bench.open(share, { checkCids: true })
  await feed(download, sample, { until: () => download.status().state === 'failed' })
  await rejects(download.finished, { code: 'CID_MISMATCH' })
  equal(existsSync(join(bench.outputFolder, 'x')), false)
})

test('a right cid passes', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const sample = await createSample(source.path, ALBUM, { version: 'hybrid' })
  ok(sample.share.files.every((file) => file.cid !== undefined))
  await using download = await bench.open(sample.share, { checkCids: true })
  await feed(download, sample)
  await download.finished
  expectFiles(bench, sample)
})

test('pieces whose hashes come later wait for them', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const sample = await createSample(source.path, { x: 200_000 }, { version: 'v2' })
  const share: Share = { ...sample.share, pieceLayers: new Map() }
  await using download = await bench.open(share)
  let turns = 0
  const memory = await feed(download, sample, { until: () => ++turns > 50 })
  equal(memory.asked.length, 0)
  for (const [file, layer] of sample.share.pieceLayers) share.pieceLayers.set(file, layer)
  download.layersAdded()
  await feed(download, sample)
  await download.finished
  equal(dirname(download.status().path), bench.outputFolder)
})
