// Goal: aria2c, a client that is not ours, downloads from our server by URL and by a torrent whose only
// source is us.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { toHex } from '../../base/bytes.ts'
import { peerId } from '../../base/ids.ts'
import { systemClock } from '../../base/io/system.ts'
import type { TorrentVersion } from '../../content/create.ts'
import { sha256 } from '../../crypto/io/sha.ts'
import type { ShareServer } from '../contract.ts'
import { webSeedUrl } from '../web-seed.ts'
import { testBytes, testShare } from './fixture.ts'
import { createShareServer } from './server.ts'

const run = promisify(execFile)
const TIMEOUT_MS = 20_000

function hasAria2(): boolean {
  try {
    execFileSync('aria2c', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
const skip = hasAria2() ? false : 'SKIPPED: aria2c is not installed (Debian package aria2)'

function tempFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'tsw-http-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const startServer = (): Promise<ShareServer> =>
  createShareServer(
    { listen: { host: '127.0.0.1', port: 0 } },
    { clock: systemClock, peerId: peerId(new Uint8Array(20)) },
  )
const originOf = ({ address }: ShareServer) => `http://${address.host}:${address.port}`
const aria2 = (folder: string, ...args: string[]) =>
  run('aria2c', ['--no-conf', `--dir=${folder}`, '--summary-interval=0', '--max-tries=3', ...args], {
    timeout: TIMEOUT_MS,
  })
const read = (...path: string[]) => new Uint8Array(readFileSync(join(...path)))

test('by URL, with eight connections, checked by its SHA-256', { skip }, async () => {
  const film = testBytes(9_000_001)
  const { reader } = testShare({ pieceLength: 65_536, files: { 'film.mkv': film } })
  await using server = await startServer()
  server.add(reader)
  using folder = tempFolder()
  const cid = toHex(sha256(film))
  await aria2(
    folder.path,
    '-x8',
    '-s8',
    '-k1M',
    `--checksum=sha-256=${cid}`,
    `${originOf(server)}/file/${cid}`,
  )
  deepEqual(read(folder.path, 'film.mkv'), film, 'named as Content-Disposition says')
  ok(server.status().requests >= 8)
})

const TREE = {
  'a.bin': testBytes(100_000, 4),
  'b/c d.bin': testBytes(32_768, 5),
  'b/ü.bin': testBytes(5, 6),
  'e.bin': testBytes(170_001, 7),
}
const kinds: readonly (readonly [TorrentVersion, Record<string, Uint8Array>])[] = [
  ['v1', { 'film.mkv': testBytes(3_000_001) }],
  ['v1', TREE],
  ['hybrid', TREE],
]
for (const [version, files] of kinds) {
  const count = Object.keys(files).length
  test(`by a ${version} torrent of ${count} files whose only source is our web seed`, { skip }, async () => {
    await using server = await startServer()
    const { share } = testShare({ version, files })
    const url = webSeedUrl(originOf(server), toHex(share.infoHashV1!))
    const { reader, torrent, contents } = testShare({ version, files, webSeeds: [url] })
    server.add(reader)
    using folder = tempFolder()
    const torrentPath = join(folder.path, 'share.torrent')
    writeFileSync(torrentPath, torrent)
    const quiet = [
      '--enable-dht=false',
      '--enable-dht6=false',
      '--enable-peer-exchange=false',
      '--bt-enable-lpd=false',
    ]
    await aria2(folder.path, '--seed-time=0', '--file-allocation=none', ...quiet, torrentPath)
    for (const { index, path } of reader.share.files) {
      const names = share.singleFile ? [path] : [share.name, ...path.split('/')]
      deepEqual(read(folder.path, ...names), contents[index], path)
    }
    equal(server.status().refused['NO_SUCH_FILE'], undefined)
  })
}
