// Goal: for files and folders in all three versions, make the torrents that libtorrent makes, byte for byte
// where both write the same keys; and verify data against libtorrent's torrents.
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { toHex } from '../../base/bytes.ts'
import { parseInfo, parseTorrent } from '../metainfo.ts'
import type { Share } from '../share.ts'
import { sharePaths } from '../share-paths.ts'
import { HashPool } from './hash-pool.ts'
import { makeTorrent } from './make-torrent.ts'
import { verifyShare } from './verify.ts'
import { findFiles } from './walk.ts'

type Vector = {
  file: string
  name: string
  version: Share['version']
  folder: boolean
  pieceLength: number
  infoHashV1: string | null
  infoHashV2: string | null
  pieces: number
  files: { path: string; length: number; seed: number; executable: boolean }[]
}
const folder = new URL('../../../test/vectors/torrents/', import.meta.url)
const vectors: Vector[] = JSON.parse(readFileSync(new URL('vectors.json', folder), 'utf8')).vectors
const hexOrNull = (hash: Uint8Array | undefined) => (hash === undefined ? null : toHex(hash))
const data = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => i * 7 + (i >>> 8) + seed)

let root = ''
const pool = new HashPool({ workersMax: 2 })
before(() => {
  root = mkdtempSync(join(tmpdir(), 'tallyswarm-vectors-'))
  for (const vector of vectors) {
    for (const { path, length, seed, executable } of vector.files) {
      const inside = join(root, vector.folder ? `${vector.name}/${path}` : path)
      mkdirSync(dirname(inside), { recursive: true })
      writeFileSync(inside, data(length, seed))
      chmodSync(inside, executable ? 0o755 : 0o644)
    }
  }
  mkdirSync(join(root, 'tree/none/nowhere'), { recursive: true })
})
after(async () => {
  await pool[Symbol.asyncDispose]()
  rmSync(root, { recursive: true })
})

for (const vector of vectors) {
  describe(vector.file, () => {
    const share = parseTorrent(readFileSync(new URL(vector.file, folder)))

    test('reads as libtorrent reads it', () => {
      equal(share.name, vector.name)
      equal(share.version, vector.version)
      equal(share.singleFile, !vector.folder)
      equal(share.layout.pieceCount, vector.pieces)
      equal(hexOrNull(share.infoHashV1), vector.infoHashV1)
      equal(hexOrNull(share.infoHashV2), vector.infoHashV2)
      deepEqual(
        share.files.map(({ path, length, executable = false }) => ({ path, length, executable })),
        vector.files.map(({ path, length, executable }) => ({ path, length, executable })),
      )
    })

    test('gives the same share from its info bytes alone', () => {
      deepEqual(parseInfo(share.infoBytes), { ...share, pieceLayers: new Map() })
    })

    test('is what we make from the same files', async () => {
      const { version, pieceLength } = vector
      const made = await makeTorrent(pool, join(root, vector.name), { version, pieceLength })
      deepEqual(made.share.infoBytes, share.infoBytes)
      deepEqual(made.share.pieceLayers, share.pieceLayers)
      for (const [i, file] of made.share.files.entries()) {
        const whole = data(vector.files[i]!.length, vector.files[i]!.seed)
        equal(toHex(file.cid!), createHash('sha256').update(whole).digest('hex'))
      }
      const again = await makeTorrent(pool, join(root, vector.name), { version, pieceLength })
      deepEqual(again.torrentBytes, made.torrentBytes)
    })

    test('verifies the data, and finds every damaged, short or missing file', async () => {
      const paths = sharePaths(share, root)
      const goodPieces = async () => {
        const bits = await verifyShare(pool, { share, paths })
        equal(bits.length, Math.ceil(vector.pieces / 8))
        return Array.from({ length: vector.pieces }, (_, i) => (bits[i >>> 3]! & (0x80 >>> (i & 7))) !== 0)
      }
      deepEqual(await goodPieces(), new Array(vector.pieces).fill(true))
      const file = share.layout.files.find(({ length }) => length > 0)!
      const path = paths[file.index]!
      const whole = readFileSync(path)
      const lastPiece = Math.floor((file.offset + file.length - 1) / vector.pieceLength)
      const onlyBad = (bad: (piece: number) => boolean) =>
        Array.from({ length: vector.pieces }, (_, piece) => !bad(piece))
      truncateSync(path, file.length - 1)
      deepEqual(
        await goodPieces(),
        onlyBad((piece) => piece === lastPiece),
      )
      whole[file.length - 1]! ^= 1
      writeFileSync(path, whole)
      deepEqual(
        await goodPieces(),
        onlyBad((piece) => piece === lastPiece),
      )
      rmSync(path)
      deepEqual(
        await goodPieces(),
        onlyBad((piece) => piece <= lastPiece),
      )
      whole[file.length - 1]! ^= 1
      writeFileSync(path, whole)
      chmodSync(path, file.path.endsWith('.sh') ? 0o755 : 0o644)
    })
  })
}

test('a share by magnet, with no layers yet, is verified by v1, or where one piece is the tree', async () => {
  for (const [file, good] of [
    ['tree.hybrid.torrent', 0xff],
    ['tree.v2.torrent', 0x01],
  ] as const) {
    const { infoBytes } = parseTorrent(readFileSync(new URL(file, folder)))
    const share = parseInfo(infoBytes)
    const bits = await verifyShare(pool, { share, paths: sharePaths(share, root) })
    equal(bits[0], good)
  }
})

test('symbolic links, special files, empty folders and lone v2 files in folders are refused', async () => {
  const inside = mkdtempSync(join(root, 'odd-'))
  await rejects(makeTorrent(pool, inside), { code: 'NOTHING_TO_SHARE' })
  writeFileSync(join(inside, 'file'), 'x')
  await rejects(makeTorrent(pool, inside, { version: 'v2' }), { code: 'LONE_FILE_FOLDER' })
  symlinkSync('/etc/passwd', join(inside, 'link'))
  await rejects(makeTorrent(pool, inside), { code: 'SYMLINK' })
  await rejects(makeTorrent(pool, join(inside, 'link')), { code: 'SYMLINK' })
  rmSync(join(inside, 'link'))
  const socket = createServer().listen(join(inside, 'pipe'))
  await once(socket, 'listening')
  await rejects(makeTorrent(pool, inside), { code: 'NOT_A_FILE' })
  socket.close()
  await once(socket, 'close')
  await rejects(findFiles(inside, { filesMax: 0 }), { code: 'TOO_MANY_FILES' })
  const onProgress = () => writeFileSync(join(inside, 'file'), 'longer')
  await rejects(makeTorrent(pool, inside, { onProgress }), { code: 'FILE_CHANGED' })
  writeFileSync(join(inside, 'FILE'), 'y')
  await rejects(makeTorrent(pool, inside), { code: 'PATH_CLASH' })
})

const PYTHON = '/usr/bin/python3'
const hasLibtorrent = spawnSync(PYTHON, ['-c', 'import libtorrent']).status === 0

test('libtorrent reads what we make', {
  skip: hasLibtorrent ? false : 'python3-libtorrent is not installed',
}, async () => {
  const script = `
import sys, json, libtorrent as lt
out = []
for path in sys.argv[1:]:
    i = lt.torrent_info(path)
    t = [x.url for x in i.trackers()]
    out.append([str(i.info_hashes().v1), str(i.info_hashes().v2), i.num_pieces(), t, i.priv()])
print(json.dumps(out))`
  const expected: unknown[] = []
  const paths: string[] = []
  for (const version of ['v1', 'v2', 'hybrid'] as const) {
    const { share, torrentBytes } = await makeTorrent(pool, join(root, 'tree'), {
      version,
      private: true,
      trackers: [['http://one.example/announce'], ['udp://two.example:1/announce']],
      webSeeds: ['http://seed.example/'],
      comment: 'ünïcode',
    })
    const path = join(root, `${version}.torrent`)
    writeFileSync(path, torrentBytes)
    paths.push(path)
    const hex = (hash: Uint8Array | undefined, bytes: number) => hexOrNull(hash) ?? '00'.repeat(bytes)
    expected.push([
      hex(share.infoHashV1, 20),
      hex(share.infoHashV2, 32),
      share.layout.pieceCount,
      ['http://one.example/announce', 'udp://two.example:1/announce'],
      true,
    ])
  }
  const answer = execFileSync(PYTHON, ['-W', 'ignore', '-c', script, ...paths], { encoding: 'utf8' })
  deepEqual(JSON.parse(answer), expected)
})
