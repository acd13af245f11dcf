// Goal: a kept share is trusted again only when every piece was verified and its files are as they were.
import { deepEqual } from 'node:assert/strict'
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { HashPool } from '../content/io/hash-pool.ts'
import { makeTorrent } from '../content/io/make-torrent.ts'
import { homeAt } from './home.ts'
import { keepShare, keptShares } from './home-shares.ts'

test('what was verified whole and did not change is not hashed again; all else is', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tsw-kept-'))
  try {
    const rootPath = join(folder, 'a.bin')
    await writeFile(rootPath, new Uint8Array(50_000))
    await using pool = new HashPool()
    const { share, torrentBytes } = await makeTorrent(pool, rootPath)
    const home = homeAt(join(folder, 'home'))
    const kept = { share, torrentBytes, rootPath, priceWeiPerMib: 7n, discovery: true }
    const checks = async () => (await keptShares(home, () => {})).map(({ check }) => check)

    await keepShare(home, kept, { whole: true })
    deepEqual(await checks(), ['sizes'])
    await utimes(rootPath, 1, 1)
    deepEqual(await checks(), ['hash'])
    await keepShare(home, kept, { whole: false }) // a part, or taken on trust
    deepEqual(await checks(), ['hash'])
    await rm(rootPath)
    await keepShare(home, kept, { whole: false }) // a selection: this file was never fetched
    deepEqual(await checks(), ['hash'])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
