// Goal: two real hosts move shares over loopback, v1, v2 and hybrid, by torrent and by magnet.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import type { Share } from '../../content/share.ts'
import type { BittorrentHost, SwarmOptions } from '../contract.ts'
import { makeShare, memoryDownload, type ShareInput, seedOf } from '../fixture.ts'
import { createBittorrentHost } from './host.ts'

const LOOPBACK = { listen: { host: '127.0.0.1', port: 0 } }
const openHost = (): Promise<BittorrentHost> => createBittorrentHost(LOOPBACK)

const hashesOf = ({ infoHashV1, infoHashV2 }: Share): SwarmOptions => ({
  ...(infoHashV1 && { infoHashV1 }),
  ...(infoHashV2 && { infoHashV2 }),
})

const SHARES: Record<string, ShareInput> = {
  'v1, one file': { version: 'v1', lengths: [1_000_001] },
  'v1, many files, odd piece length': {
    version: 'v1',
    lengths: [70_000, 0, 3, 200_000],
    pieceLength: 40_000,
  },
  'hybrid, many files': { version: 'hybrid', lengths: [100_000, 0, 5, 64_000, 32_768] },
  'v2, one file': { version: 'v2', lengths: [2_000_000] },
  'v2, many files': { version: 'v2', lengths: [100_000, 0, 5, 64_000, 32_768] },
}

for (const [name, input] of Object.entries(SHARES)) {
  test(`moves a share by torrent: ${name}`, async () => {
    await using seeder = await openHost()
    await using leecher = await openHost()
    const made = makeShare(input)
    seeder.addSwarm(hashesOf(made.share)).setTransfer(seedOf(made))
    const download = memoryDownload(made.share)
    const swarm = leecher.addSwarm(hashesOf(made.share))
    swarm.setTransfer(download.parts)
    equal(swarm.addPeers([seeder.address!]), 1)
    await download.complete
    deepEqual(download.data, made.data)
    const [peer] = swarm.status().peers
    equal(peer?.wire, made.share.version === 'v1' ? 'v1' : 'v2')
    equal(peer?.verifiedBytes, made.share.layout.payloadBytes)
  })

  test(`moves a share by magnet: ${name}`, async () => {
    await using seeder = await openHost()
    await using leecher = await openHost()
    const made = makeShare(input)
    seeder.addSwarm(hashesOf(made.share)).setTransfer(seedOf(made))
    const swarm = leecher.addSwarm(hashesOf(made.share))
    swarm.addPeers([seeder.address!])
    const share = await new Promise<Share>((resolve) => swarm.onShare(resolve))
    deepEqual(share.infoBytes, made.share.infoBytes)
    if (share.version === 'v2') deepEqual(share.pieceLayers, made.share.pieceLayers)
    const download = memoryDownload(share)
    swarm.setTransfer(download.parts)
    await download.complete
    deepEqual(download.data, made.data)
    equal(swarm.status().phase, 'transfer')
    ok(swarm.status().metadata.totalBytes === made.share.infoBytes.length)
  })
}
