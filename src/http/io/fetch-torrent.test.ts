// Goal: a link to a node's file or share gives its torrent, and everything else an error with a code.
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../base/bytes.ts'
import { peerId } from '../../base/ids.ts'
import { systemClock } from '../../base/io/system.ts'
import { sha256 } from '../../crypto/io/sha.ts'
import { fetchTorrent } from './fetch-torrent.ts'
import { testBytes, testShare } from './fixture.ts'
import { createShareServer } from './server.ts'

test('by info hash, by cid, by the URL of the torrent itself', async () => {
  const film = testBytes(50_000)
  const { reader, share, torrent } = testShare({ files: { film } })
  await using server = await createShareServer(
    { listen: { host: '127.0.0.1', port: 0 } },
    { clock: systemClock, peerId: peerId(new Uint8Array(20)) },
  )
  server.add(reader, { torrent })
  const origin = `http://127.0.0.1:${server.address.port}`
  const parts = { clock: systemClock, signal: AbortSignal.timeout(5_000) }
  const id = toHex(share.infoHashV1!)
  for (const path of [
    `/file/${id}`,
    `/file/${id}/0`,
    `/file/${toHex(sha256(film))}`,
    `/file/${id}/torrent`,
  ]) {
    const fetched = await fetchTorrent(origin + path, parts)
    deepEqual(fetched.torrent, torrent)
    equal(fetched.link?.base.href, `${origin}/`)
  }
  await rejects(fetchTorrent(`${origin}/file/${'0'.repeat(40)}`, parts), { code: 'TORRENT_NOT_FOUND' })
  await rejects(fetchTorrent(`${origin}/other`, parts), { code: 'TORRENT_NOT_FOUND' })
  await rejects(fetchTorrent('ftp://x/y', parts), { code: 'URL_SCHEME' })
})
