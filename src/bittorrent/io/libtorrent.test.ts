// Goal: libtorrent (which qBittorrent and Deluge use) takes our shares and gives us its own, v1, hybrid and v2.
import { deepEqual, equal } from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import type { Share } from '../../content/share.ts'
import type { MadeShare } from '../../transfer/memory.fixture.ts'
import { makeShare, memoryDownload, type ShareInput, seedOf } from '../fixture.ts'
import { createBittorrentHost } from './host.ts'

const PYTHON = '/usr/bin/python3'
const found = spawnSync(PYTHON, ['-c', 'import libtorrent'], { stdio: 'ignore' }).status === 0
const skip = found ? false : 'SKIPPED: python3-libtorrent is not installed'

/** Says `port N`; with a peer it dials it and says `done` when complete. Ends with its input. */
const PEER = `
import sys, time, threading, os, libtorrent as lt
torrent, folder, mode, peer = sys.argv[1:5]
s = lt.session({'listen_interfaces': '127.0.0.1:0', 'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False,
  'enable_natpmp': False, 'enable_outgoing_utp': False, 'enable_incoming_utp': False, 'alert_mask': 0,
  'out_enc_policy': 2, 'in_enc_policy': 2, 'allow_multiple_connections_per_ip': True})
p = lt.parse_magnet_uri(torrent) if torrent.startswith('magnet:') else lt.add_torrent_params()
if not torrent.startswith('magnet:'): p.ti = lt.torrent_info(torrent)
p.save_path = folder
if mode == 'seed': p.flags |= lt.torrent_flags.seed_mode
p.flags &= ~lt.torrent_flags.auto_managed
p.flags &= ~lt.torrent_flags.paused
h = s.add_torrent(p)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
while not s.listen_port(): time.sleep(.01)
print('port', s.listen_port(), flush=True)
last = 0
while not (mode == 'leech' and h.status().is_seeding):
  if peer and not h.status().num_peers and time.time() - last > .5:
    last = time.time()
    ip, port = peer.split(':')
    h.connect_peer((ip, int(port)))
  time.sleep(.02)
h.flush_cache()
time.sleep(.3)
print('done', flush=True)
time.sleep(600)
`

class LibtorrentPeer implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>

  constructor(torrent: string, folder: string, mode: 'seed' | 'leech', peer = '') {
    this.#child = spawn(PYTHON, ['-c', PEER, torrent, folder, mode, peer])
    this.#child.stderr.pipe(process.stderr)
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]()
  }

  async line(): Promise<string> {
    return (await this.#lines.next()).value as string
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#child, 'close')
    this.#child.kill()
    await closed
  }
}

const LOOPBACK = { listen: { host: '127.0.0.1', port: 0 } }
const SHARES: Record<string, ShareInput> = {
  v1: { version: 'v1', pieceLength: 32_768, lengths: [300_000, 5, 100_000] },
  hybrid: { version: 'hybrid', pieceLength: 32_768, lengths: [300_000, 5, 100_000] },
  v2: { version: 'v2', pieceLength: 32_768, lengths: [300_000, 5, 100_000] },
}
const hashesOf = ({ infoHashV1, infoHashV2 }: Share) => ({
  ...(infoHashV1 && { infoHashV1 }),
  ...(infoHashV2 && { infoHashV2 }),
})
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

function magnetOf({ infoHashV1, infoHashV2 }: Share): string {
  const topics = [
    infoHashV1 && `xt=urn:btih:${hex(infoHashV1)}`,
    infoHashV2 && `xt=urn:btmh:1220${hex(infoHashV2)}`,
  ]
  return `magnet:?${topics.filter(Boolean).join('&')}`
}

function diskPath(folder: string, share: Share, index: number): string {
  return join(folder, share.singleFile ? '' : share.name, share.files[index]!.path)
}

const bytesOf = ({ share, data }: MadeShare, index: number) => {
  const { offset, length } = share.layout.files[index]!
  return data.subarray(offset, offset + length)
}

for (const [name, input] of Object.entries(SHARES)) {
  for (const by of ['torrent', 'magnet'] as const) {
    test(`downloads from libtorrent: ${name} by ${by}`, { skip }, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'tsw-lt-'))
      t.after(() => rmSync(folder, { recursive: true }))
      const made = makeShare(input)
      writeFileSync(join(folder, 'share.torrent'), made.torrentBytes)
      for (const { index } of made.share.files) {
        const path = diskPath(folder, made.share, index)
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(path, bytesOf(made, index))
      }
      await using peer = new LibtorrentPeer(join(folder, 'share.torrent'), folder, 'seed')
      const port = Number((await peer.line()).split(' ')[1])
      await using host = await createBittorrentHost(LOOPBACK)
      const swarm = host.addSwarm(hashesOf(made.share))
      swarm.addPeers([{ host: '127.0.0.1', port }])
      const share =
        by === 'torrent' ? made.share : await new Promise<Share>((resolve) => swarm.onShare(resolve))
      const download = memoryDownload(share)
      swarm.setTransfer(download.parts)
      await download.complete
      deepEqual(download.data, made.data)
      equal(swarm.status().peers[0]?.wire, name === 'v1' ? 'v1' : 'v2')
    })

    test(`uploads to libtorrent: ${name} by ${by}`, { skip }, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'tsw-lt-'))
      t.after(() => rmSync(folder, { recursive: true }))
      const made = makeShare(input)
      const torrent = by === 'magnet' ? magnetOf(made.share) : join(folder, 'share.torrent')
      writeFileSync(join(folder, 'share.torrent'), made.torrentBytes)
      await using host = await createBittorrentHost(LOOPBACK)
      const swarm = host.addSwarm(hashesOf(made.share))
      swarm.setTransfer(seedOf(made))
      const us = `127.0.0.1:${host.address!.port}`
      await using peer = new LibtorrentPeer(torrent, folder, 'leech', us)
      await peer.line()
      equal(await peer.line(), 'done', JSON.stringify(swarm.status()))
      for (const { index } of made.share.files) {
        deepEqual(new Uint8Array(readFileSync(diskPath(folder, made.share, index))), bytesOf(made, index))
      }
      equal(swarm.status().sentBytes, made.share.layout.payloadBytes)
    })
  }
}
