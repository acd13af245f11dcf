// Goal: every hash of a large file is right although many jobs on many workers made it; failure, abort and
// death of a worker end in a coded error and leave the pool usable.
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { concatBytes, toHex } from '../../base/bytes.ts'
import { loadMd4 } from '../../crypto/io/md4.ts'
import { sha256 } from '../../crypto/io/sha.ts'
import { layerAbove, leafLayer, pieceLayerOf, rootOf } from '../../crypto/merkle.ts'
import { layoutFor, type TorrentVersion } from '../create.ts'
import { ED2K_PART_BYTES } from '../ed2k.ts'
import { HashPool } from './hash-pool.ts'
import { hashShare, type Progress } from './hasher.ts'

const pool = new HashPool({ workersMax: 3 })
let folder = ''
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'tallyswarm-hasher-'))
})
after(async () => {
  await pool[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}
const noise = (length: number, seed: number) => {
  const words = new Uint32Array(Math.ceil(length / 4))
  let state = seed
  for (let i = 0; i < words.length; i++) words[i] = state = Math.imul(state, 1_664_525) + 1_013_904_223
  return new Uint8Array(words.buffer, 0, length)
}
const hashOf = (name: string, bytes: Uint8Array) => createHash(name).update(bytes).digest('hex')
const kindsOf = (version: TorrentVersion) => ({
  v1: version !== 'v2',
  v2: version !== 'v1',
  cid: true,
  ed2k: true,
})

/** v1 piece hashes over files end to end, each followed by zeros up to a piece where `aligned`. */
function v1Pieces(files: readonly Uint8Array[], pieceLength: number, aligned: boolean): string {
  const pad = (length: number) =>
    new Uint8Array(aligned ? (pieceLength - (length % pieceLength)) % pieceLength : 0)
  const whole = concatBytes(...files.flatMap((file) => [file, pad(file.length)]))
  let hex = ''
  for (let at = 0; at < whole.length; at += pieceLength)
    hex += hashOf('sha1', whole.subarray(at, at + pieceLength))
  return hex
}

test('large and small files, all hashes, in each version', async () => {
  const md4 = await loadMd4()
  const contents = [
    noise(2 * ED2K_PART_BYTES + 70_001, 1),
    noise(5, 2),
    new Uint8Array(0),
    noise(9 * 2 ** 20, 3),
  ]
  const paths = contents.map((bytes, i) => write(`f${i}`, bytes))
  const files = contents.map((bytes, i) => ({ path: `f${i}`, length: bytes.length }))
  const pieceLength = 65_536
  for (const version of ['v1', 'v2', 'hybrid'] as const) {
    const layout = layoutFor(version, pieceLength, files)
    const seen: Progress[] = []
    const onProgress = (progress: Progress) => void seen.push(progress)
    const result = await hashShare(pool, { layout, kinds: kindsOf(version), paths }, { onProgress })
    if (version === 'v2') equal(result.v1Pieces, undefined)
    else equal(toHex(result.v1Pieces!), v1Pieces(contents, pieceLength, version === 'hybrid'))
    for (const [i, bytes] of contents.entries()) {
      const file = result.files[i]!
      equal(toHex(file.cid!), hashOf('sha256', bytes))
      const parts: Uint8Array[] = []
      for (let at = 0; at <= bytes.length; at += ED2K_PART_BYTES) {
        parts.push(md4.hash(bytes.subarray(at, at + ED2K_PART_BYTES)))
      }
      equal(toHex(file.ed2k!), toHex(parts.length === 1 ? parts[0]! : md4.hash(concatBytes(...parts))))
      if (version === 'v1' || bytes.length === 0) {
        equal(file.piecesRoot, undefined)
        continue
      }
      const leaves = leafLayer(bytes, sha256)
      deepEqual(file.piecesRoot, rootOf(leaves, 0, sha256))
      const layer = layerAbove(leaves, { from: 0, to: pieceLayerOf(pieceLength) }, sha256)
      deepEqual(file.pieceLayer, bytes.length > pieceLength ? layer : undefined)
    }
    deepEqual(seen.at(-1), { doneBytes: layout.payloadBytes, totalBytes: layout.payloadBytes })
  }
})

test('ed2k hashes of zeros are those that eMule gives, exact multiples of a part included', async () => {
  const known: [number, string][] = [
    [0, '31d6cfe0d16ae931b73c59d7e0c089c0'],
    [ED2K_PART_BYTES, 'fc21d9af828f92a8df64beac3357425d'],
    [2 * ED2K_PART_BYTES, '114b21c63a74b6ca922291a11177dd5c'],
  ]
  const paths = known.map(([length], i) => write(`zeros${i}`, new Uint8Array(length)))
  const layout = layoutFor(
    'v1',
    2 ** 20,
    known.map(([length], i) => ({ path: `${i}`, length })),
  )
  const kinds = { v1: false, v2: false, cid: false, ed2k: true }
  const { files } = await hashShare(pool, { layout, kinds, paths })
  deepEqual(
    files.map((file) => toHex(file.ed2k!)),
    known.map(([, hash]) => hash),
  )
})

test('v1 pieces of one byte do not choke a worker', async () => {
  const path = write('bytes', noise(150_000, 6))
  const layout = layoutFor('v1', 1, [{ path: 'x', length: 150_000 }])
  const kinds = { v1: true, v2: false, cid: false, ed2k: false }
  equal((await hashShare(pool, { layout, kinds, paths: [path] })).v1Pieces?.length, 20 * 150_000)
})

test('a file that is missing, a folder or shorter than it was is a coded error, and the pool lives on', async () => {
  const path = write('short', noise(10_000, 4))
  const hash = (paths: string[], length: number) => {
    const layout = layoutFor('hybrid', 16_384, [{ path: 'x', length }])
    return hashShare(pool, { layout, kinds: kindsOf('hybrid'), paths })
  }
  await rejects(hash([path], 10_001), { name: 'CodedError', code: 'FILE_CHANGED' })
  await rejects(hash([path], 50 * 2 ** 20), { code: 'FILE_CHANGED' })
  await rejects(hash([join(folder, 'none')], 1), { code: 'ENOENT' })
  await rejects(hash([folder], 1), { code: 'EISDIR' })
  equal((await hash([path], 10_000)).files.length, 1)
})

test('an abort ends the run with its reason; another run on the same pool goes on', async () => {
  const length = 64 * 2 ** 20
  const path = write('long', new Uint8Array(length))
  const layout = layoutFor('hybrid', 2 ** 20, [{ path: 'x', length }])
  const input = { layout, kinds: { v1: true, v2: true, cid: true, ed2k: false }, paths: [path] }
  const stop = new AbortController()
  const reason = new Error('enough')
  const other = hashShare(pool, input)
  await rejects(hashShare(pool, input, { signal: stop.signal, onProgress: () => stop.abort(reason) }), reason)
  await rejects(hashShare(pool, input, { signal: stop.signal }), reason)
  const { files } = await other
  equal(toHex(files[0]!.cid!), hashOf('sha256', new Uint8Array(length)))
})

test('what an observer throws ends the run, not the pool', async () => {
  const path = write('seen', noise(100, 5))
  const layout = layoutFor('v1', 16_384, [{ path: 'x', length: 100 }])
  const input = { layout, kinds: kindsOf('v1'), paths: [path] }
  const onProgress = () => {
    throw new Error('observer')
  }
  await rejects(hashShare(pool, input, { onProgress }), /observer/)
  await hashShare(pool, input)
})

test('a worker that dies fails the runs it worked for, with a code', async () => {
  const dying =
    'import { parentPort } from "node:worker_threads"; parentPort.on("message", () => { throw new Error("x") })'
  await using broken = new HashPool({
    workersMax: 2,
    workerUrl: new URL(`data:text/javascript,${encodeURIComponent(dying)}`),
  })
  const layout = layoutFor('v1', 16_384, [{ path: 'x', length: 1 }])
  const input = { layout, kinds: kindsOf('v1'), paths: ['x'] }
  await rejects(hashShare(broken, input), { code: 'HASH_WORKER_FAILED' })
  await rejects(hashShare(broken, input), { code: 'HASH_WORKER_FAILED' })
})

test('a closed pool refuses, and ends what was under way', async () => {
  const path = write('open', new Uint8Array(2 ** 24))
  const layout = layoutFor('v1', 16_384, [{ path: 'x', length: 2 ** 24 }])
  const input = { layout, kinds: kindsOf('v1'), paths: [path] }
  const closing = new HashPool({ workersMax: 1 })
  const under = rejects(closing.run([{ at: 0, spans: [], length: 2 ** 27 }], [], { onOutcome: () => {} }), {
    code: 'HASH_POOL_CLOSED',
  })
  await closing[Symbol.asyncDispose]()
  await under
  await closing[Symbol.asyncDispose]()
  await rejects(hashShare(closing, input), { code: 'HASH_POOL_CLOSED' })
})
