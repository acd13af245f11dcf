// Goal: readers get verified bytes from many files at once, with few descriptors, while files move.
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { readdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { sha256 } from '../../crypto/io/sha.ts'
import { leafLayer } from '../../crypto/merkle.ts'
import { FilePool } from './file-pool.ts'
import { Bench, createSample, feed, tempFolder } from './fixture.ts'
import { openSeed } from './seed.ts'
import { createStoreHost } from './store-host.ts'

const ALBUM = { 'a.bin': 100_000, 'b/empty': 0, 'b/c.bin': 32_768, 'b/d.bin': 5, 'e.bin': 70_001 }
const PIECE = 32_768

/** Views of the sizes given, as they lie between message headers. */
function viewsOf(sizes: readonly number[]): Uint8Array[] {
  const buffer = new Uint8Array(sizes.reduce((sum, size) => sum + size + 13, 0)).fill(0xee)
  let at = 0
  return sizes.map((size) => {
    at += 13 + size
    return buffer.subarray(at - size, at)
  })
}

const joined = (views: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(views))
const descriptors = () => readdirSync('/proc/self/fd').length

for (const version of ['v1', 'hybrid'] as const) {
  test(`fills any views from any place, pad bytes with zeros, ${version}`, async () => {
    using source = tempFolder()
    await using store = createStoreHost({ descriptorsMax: 1 })
    const sample = await createSample(source.path, ALBUM, { version })
    await using seed = await openSeed(
      { share: sample.share, rootPath: sample.rootPath, check: 'hash' },
      { store },
    )
    equal(seed.reader.have.isFull, true)
    const { pieceCount } = sample.share.layout
    const ranges = fc.tuple(
      fc.nat(pieceCount - 1),
      fc.nat(PIECE - 1),
      fc.array(fc.nat(40_000), { minLength: 1, maxLength: 4 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(ranges, { minLength: 1, maxLength: 8 }), async (reads) => {
        // All at once, over one descriptor: none may be closed under a read.
        await Promise.all(
          reads.map(async ([piece, begin, sizes]) => {
            const start = piece * PIECE + begin
            const views = viewsOf(sizes)
            await seed.reader.read(piece, begin, views)
            const length = views.reduce((sum, view) => sum + view.length, 0)
            const expected = new Uint8Array(length)
            expected.set(sample.data.subarray(start, start + length))
            deepEqual(joined(views), expected)
          }),
        )
      }),
      { numRuns: 50 },
    )
  })
}

test('reads while the download runs and after its file was renamed, and a file by itself', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const sample = await createSample(source.path, ALBUM, { version: 'hybrid' })
  await using download = await bench.open(sample.share)
  const { reader } = download
  await feed(download, sample, { until: () => reader.have.count > 0 })
  const piece = Array.from({ length: reader.have.length }, (_, i) => i).find((one) => reader.have.has(one))!
  const bytes = new Uint8Array(5)
  await reader.read(piece, 0, [bytes])
  deepEqual(bytes, sample.data.slice(piece * PIECE, piece * PIECE + 5))
  await feed(download, sample)
  await download.finished
  const file = sample.share.files.find(({ path }) => path === 'e.bin')!
  const whole = new Uint8Array(file.length)
  await reader.readFile(file.index, 0, whole)
  deepEqual(whole, sample.contents.get('e.bin'))
})

test('leaf hashes are those of BEP 52', async () => {
  using source = tempFolder()
  await using store = createStoreHost()
  const sample = await createSample(source.path, { x: 100_000 }, { version: 'v2' })
  await using seed = await openSeed(
    { share: sample.share, rootPath: sample.rootPath, check: 'sizes' },
    { store },
  )
  for (const piece of [0, 3]) {
    const bytes = sample.data.subarray(piece * PIECE, Math.min(100_000, (piece + 1) * PIECE))
    deepEqual(new Uint8Array(await seed.reader.leafHashes(piece)), leafLayer(bytes, sha256))
  }
})

test('a share of many files is read too, with bounded descriptors', async () => {
  using source = tempFolder()
  await using store = createStoreHost({ descriptorsMax: 16 })
  const files = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`d${i % 7}/f${i}`, 50 + i]))
  const sample = await createSample(source.path, files, { version: 'v1' })
  await using seed = await openSeed(
    { share: sample.share, rootPath: sample.rootPath, check: 'hash' },
    { store },
  )
  const before = descriptors()
  for (let piece = 0; piece < sample.share.layout.pieceCount; piece++) {
    const bytes = new Uint8Array(sample.share.layout.pieceBytes(piece))
    await seed.reader.read(piece, 0, [bytes])
    deepEqual(bytes, sample.data.slice(piece * PIECE, piece * PIECE + bytes.length))
  }
  equal(store.files.size, 16)
  equal(descriptors() - before, 16)
  await seed[Symbol.asyncDispose]()
  equal(descriptors(), before)
})

test('what cannot be read is READ_FAILED, not wrong bytes and not a hang', async () => {
  using source = tempFolder()
  await using store = createStoreHost()
  const sample = await createSample(source.path, { x: 100_000 }, { version: 'v1' })
  const seeded = { share: sample.share, rootPath: sample.rootPath, check: 'sizes' } as const
  await using seed = await openSeed(seeded, { store })
  truncateSync(sample.rootPath, 50_000)
  await rejects(seed.reader.read(2, 0, [new Uint8Array(10)]), { code: 'READ_FAILED' })
  await rejects(seed.reader.leafHashes(2), { code: 'READ_FAILED' })
  await rejects(openSeed(seeded, { store }), { code: 'SEED_MISMATCH' })
  await using partial = await openSeed({ ...seeded, check: 'hash' }, { store })
  equal(partial.reader.have.count, 1)
  rmSync(sample.rootPath)
  store.files.forget(0)
  store.files.forget(1)
  await rejects(seed.reader.read(0, 0, [new Uint8Array(10)]), { code: 'READ_FAILED' })
})

test('a link that takes the place of a file is not followed', async () => {
  using source = tempFolder()
  using outside = tempFolder()
  await using store = createStoreHost()
  const sample = await createSample(source.path, ALBUM, { version: 'v1' })
  await using seed = await openSeed(
    { share: sample.share, rootPath: sample.rootPath, check: 'sizes' },
    { store },
  )
  writeFileSync(join(outside.path, 'secret'), new Uint8Array(100_000))
  renameSync(join(sample.rootPath, 'a.bin'), join(sample.rootPath, 'moved'))
  symlinkSync(join(outside.path, 'secret'), join(sample.rootPath, 'a.bin'))
  await rejects(seed.reader.read(0, 0, [new Uint8Array(10)]), { code: 'READ_FAILED' })
})

test('a descriptor in use survives eviction and is closed by its last user', () => {
  using folder = tempFolder()
  using pool = new FilePool(1)
  const place = (path: string) => () => ({ base: folder.path, path })
  for (const name of ['a', 'b', 'c']) writeFileSync(join(folder.path, name), name)
  const before = descriptors()
  const a = pool.take(1, 0, place('a'))
  const b = pool.take(1, 1, place('b'))
  equal(pool.take(1, 0, place('a')), a)
  equal(descriptors() - before, 2)
  pool.release(a)
  pool.forget(1)
  equal(descriptors() - before, 2)
  pool.release(a)
  equal(descriptors() - before, 1)
  pool.release(b)
  equal(descriptors(), before)
  pool.release(pool.take(2, 0, place('c')))
  pool.release(pool.take(2, 1, place('b')))
  equal(descriptors() - before, 1)
})
