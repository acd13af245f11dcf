// Goal: stock clients announce to our tracker over HTTP and UDP and find each other through it. Skipped
// aloud.
import { deepEqual, equal } from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock, systemRandom } from '../../base/io/system.ts'
import { type BencodeDict, decodeBencodeSlices, encodeBencode } from '../../content/bencode.ts'
import { createAnnouncer } from '../../discovery/io/announcer.ts'
import { createSmallTracker } from './announce-server.ts'

const PIECE_BYTES = 16_384
const PAYLOAD = randomBytes(5 * PIECE_BYTES + 123)
const parts = { clock: systemClock, random: systemRandom }

function torrentFor(announce: string): { torrent: Uint8Array; infoHash: Uint8Array } {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < PAYLOAD.length; at += PIECE_BYTES) {
    pieces.push(
      createHash('sha1')
        .update(PAYLOAD.subarray(at, at + PIECE_BYTES))
        .digest(),
    )
  }
  const info = {
    length: PAYLOAD.length,
    name: 'file',
    'piece length': PIECE_BYTES,
    pieces: Buffer.concat(pieces),
  }
  const torrent = encodeBencode({ announce, info })
  const { slices }: { dict: BencodeDict; slices: ReadonlyMap<string, Uint8Array> } =
    decodeBencodeSlices(torrent)
  return { torrent, infoHash: createHash('sha1').update(slices.get('info')!).digest() }
}

const LIBTORRENT = `
import libtorrent as lt, sys, time
torrent, save, port = sys.argv[1:4]
off = ['dht', 'lsd', 'upnp', 'natpmp', 'incoming_utp', 'outgoing_utp']
s = lt.session({'listen_interfaces': '127.0.0.1:' + port, 'allow_multiple_connections_per_ip': True,
  **{'enable_' + name: False for name in off}})
h = s.add_torrent({'ti': lt.torrent_info(torrent), 'save_path': save})
while True:
  if h.status().is_seeding: print('seeding', flush=True)
  time.sleep(0.1)
`

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A folder, a tracker and children that are gone at the end. */
async function setUp(wire: 'http' | 'udp', signal: AbortSignal) {
  const stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'tallyswarm-tracker-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const tracker = stack.use(await createSmallTracker({}, parts))
  const announcer = stack.use(createAnnouncer({ userAgent: 'Tallyswarm/0', reach: 'local' }, parts))
  const [url] = tracker.announceUrls[wire]
  const { torrent, infoHash } = torrentFor(url!)
  await writeFile(join(folder, 'file.torrent'), torrent)
  for (const name of ['seed', 'leech']) await mkdir(join(folder, name))
  await writeFile(join(folder, 'seed', 'file'), PAYLOAD)

  const run = (command: string, args: readonly string[]): ChildProcess => {
    const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
    stack.defer(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    })
    return child
  }
  const figures = async () => {
    const answer = await announcer.scrape(url!, [infoHash], { signal })
    const swarm = answer.ok ? [...answer.value.values()][0] : undefined
    return [swarm?.complete ?? 0, swarm?.incomplete ?? 0, swarm?.downloaded ?? 0]
  }
  const untilFigures = async (wanted: readonly number[]) => {
    while (JSON.stringify(await figures()) !== JSON.stringify(wanted))
      await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const libtorrent = async (save: string) => {
    const child = run('/usr/bin/python3', ['-c', LIBTORRENT, 'file.torrent', save, String(await freePort())])
    await once(child.stdout!, 'data', { signal })
  }
  return {
    folder,
    tracker,
    announcer,
    url: url!,
    infoHash,
    run,
    libtorrent,
    untilFigures,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

const works = (command: string, args: readonly string[]) =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0
const hasLibtorrent = works('/usr/bin/python3', ['-c', 'import libtorrent'])
const hasAria2 = works('aria2c', ['--version'])
const hasTransmission = works('transmission-daemon', ['--version'])
const timeout = 60_000

for (const wire of ['http', 'udp'] as const) {
  const skip = hasLibtorrent ? false : 'SKIPPED: python3-libtorrent is not installed'
  test(`libtorrent finds libtorrent over ${wire}`, { skip, timeout }, async ({ signal }) => {
    await using world = await setUp(wire, signal)
    await world.libtorrent('seed')
    await world.untilFigures([1, 0, 0])
    await world.libtorrent('leech')
    deepEqual(await readFile(join(world.folder, 'leech', 'file')), PAYLOAD)
    await world.untilFigures([2, 0, 1])
  })
}

const skipAria2 = hasLibtorrent && hasAria2 ? false : 'SKIPPED: aria2 or python3-libtorrent is not installed'
test('aria2 finds libtorrent over http, says completed and stopped', {
  skip: skipAria2,
  timeout,
}, async ({ signal }) => {
  await using world = await setUp('http', signal)
  await world.libtorrent('seed')
  await world.untilFigures([1, 0, 0])
  const port = await freePort()
  const quiet = [
    '--no-conf',
    '--enable-dht=false',
    '--enable-dht6=false',
    '--bt-enable-lpd=false',
    '--enable-peer-exchange=false',
  ]
  const aria2 = world.run('aria2c', [
    ...quiet,
    `--listen-port=${port}`,
    '--seed-time=0',
    '--dir=leech',
    'file.torrent',
  ])
  const [code] = await once(aria2, 'exit', { signal })
  equal(code, 0)
  deepEqual(await readFile(join(world.folder, 'leech', 'file')), PAYLOAD)
  await world.untilFigures([1, 0, 1])
})

// Transmission dials no loopback peers, so it is only seen to announce and to be handed out.
for (const wire of ['http', 'udp'] as const) {
  const skip = hasTransmission ? false : 'SKIPPED: transmission-daemon is not installed'
  test(`transmission announces over ${wire}`, { skip, timeout }, async ({ signal }) => {
    await using world = await setUp(wire, signal)
    const port = await freePort()
    const config = join(world.folder, 'config')
    await mkdir(config)
    const settings = {
      ...{
        'rpc-enabled': false,
        'dht-enabled': false,
        'lpd-enabled': false,
        'utp-enabled': false,
        'port-forwarding-enabled': false,
      },
      ...{ 'watch-dir-enabled': true, 'watch-dir': world.folder, 'download-dir': join(world.folder, 'seed') },
      ...{
        'peer-port': port,
        'bind-address-ipv4': '127.0.0.1',
        'bind-address-ipv6': '::1',
        'trash-original-torrent-files': false,
      },
    }
    await writeFile(join(config, 'settings.json'), JSON.stringify(settings))
    world.run('transmission-daemon', ['--foreground', '--config-dir', config])
    await world.untilFigures([1, 0, 0])
    const peerId = Buffer.from('-TW0100-abcdefghijkl')
    const request = { infoHash: world.infoHash, peerId, port: 1, uploaded: 0, downloaded: 0, left: 1, key: 1 }
    const answer = await world.announcer.announce(world.url, request, { signal })
    deepEqual(answer.ok && answer.value.peers, [{ host: '127.0.0.1', port }])
  })
}
