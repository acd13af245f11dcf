// Goal: many peers, tallies, bans and life cycle, between real hosts on loopback.
import { deepEqual, equal, notDeepEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../base/bytes.ts'
import type { TallyCarrier, TallyLink, TallyLinkFactory } from '../../tally/link.ts'
import { memoryReader } from '../../transfer/memory.fixture.ts'
import type { BittorrentHost, HostSettings, Swarm, SwarmOptions } from '../contract.ts'
import { makeShare, memoryDownload, seedOf } from '../fixture.ts'
import { createBittorrentHost } from './host.ts'
import { RawPeer } from './raw-peer.fixture.ts'

const open = (settings: Partial<HostSettings> = {}): Promise<BittorrentHost> =>
  createBittorrentHost({ listen: { host: '127.0.0.1', port: 0 }, ...settings })
const made = makeShare({ version: 'hybrid', lengths: [1_500_000], pieceLength: 32_768 })
const { share } = made
const NAMES: SwarmOptions = { infoHashV1: share.infoHashV1!, infoHashV2: share.infoHashV2! }

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('five leechers, one of which knows the seeder: all complete, leechers give to each other', async () => {
  await using seeder = await open()
  const seeding = seeder.addSwarm(NAMES)
  seeding.setTransfer(seedOf(made))
  const leechers = await Promise.all(Array.from({ length: 5 }, () => open()))
  const downloads = leechers.map((_, i) => memoryDownload(share, i + 1))
  const swarms = leechers.map((host, i) => {
    const swarm = host.addSwarm(NAMES)
    swarm.setTransfer(downloads[i]!.parts)
    swarm.addPeers((i === 0 ? [seeder] : leechers.slice(0, i)).map((other) => other.address!))
    return swarm
  })
  await Promise.all(downloads.map(({ complete }) => complete))
  for (const { data } of downloads) deepEqual(data, made.data)
  equal(seeding.status().sentBytes, share.layout.payloadBytes)
  const sent = swarms.reduce((sum, swarm) => sum + swarm.status().sentBytes, 0)
  ok(sent >= 4 * share.layout.payloadBytes)
  for (const host of leechers) await host[Symbol.asyncDispose]()
})

test('haves travel: a chain from seeder to a leecher that knows only a leecher', async () => {
  await using seeder = await open()
  await using middle = await open()
  await using last = await open()
  seeder.addSwarm(NAMES).setTransfer(seedOf(made))
  const first = memoryDownload(share)
  const second = memoryDownload(share)
  const between = middle.addSwarm(NAMES)
  between.setTransfer(first.parts)
  const end = last.addSwarm(NAMES)
  end.setTransfer(second.parts)
  end.addPeers([middle.address!])
  await until(() => end.status().peers.length === 1)
  between.addPeers([seeder.address!])
  await second.complete
  deepEqual(second.data, made.data)
})

/** Allows one window of payload beyond what the receiver has acknowledged, by frames of one number. */
const WINDOW = 200_000
function links(log: string[]): TallyLinkFactory {
  return (carrier: TallyCarrier, { transport, weDialled }) => {
    let sent = 0
    let acknowledged = 0
    let verified = 0
    log.push(`open ${toHex(transport)} ${weDialled}`)
    const link: TallyLink = {
      receiveFrame(frame) {
        acknowledged = new DataView(frame.buffer, frame.byteOffset).getFloat64(0)
        carrier.onAllowance()
      },
      maySend: (bytes) => sent + bytes <= acknowledged + WINDOW,
      sent: (_piece, _begin, _length, payloadBytes) => {
        sent += payloadBytes
        ok(sent <= acknowledged + WINDOW, 'never ahead of the window')
      },
      verified(_piece, _begin, _length, payloadBytes) {
        verified += payloadBytes
        const frame = new Uint8Array(8)
        new DataView(frame.buffer).setFloat64(0, verified)
        carrier.send(frame)
      },
      wasted() {},
      tick() {},
      finish: () => Promise.resolve(void log.push('finish')),
      close: () => void log.push('close'),
      get state() {
        return {
          peerSpeaksTallies: true,
          sentBytes: sent,
          tallyInBytes: acknowledged,
          tallyOutBytes: verified,
          paidInWei: 0n,
          paidOutWei: 0n,
        }
      },
    }
    return link
  }
}

test('tallies travel as tsw messages, hold the sender to its window, and name the same connection', async () => {
  const [logA, logB] = [[] as string[], [] as string[]]
  {
    await using seeder = await open()
    await using leecher = await open()
    const seeding = seeder.addSwarm({ ...NAMES, tallyLinks: links(logA) })
    seeding.setTransfer(seedOf(made))
    const download = memoryDownload(share)
    const swarm = leecher.addSwarm({ ...NAMES, tallyLinks: links(logB) })
    swarm.setTransfer(download.parts)
    swarm.addPeers([seeder.address!])
    await download.complete
    await until(() => seeding.status().peers[0]?.tally?.tallyInBytes === share.layout.payloadBytes)
    equal(swarm.status().peers[0]?.tally?.tallyOutBytes, share.layout.payloadBytes)
  }
  equal(logA[0]?.split(' ')[1], logB[0]?.split(' ')[1])
  deepEqual([logA[0]?.endsWith('false'), logB[0]?.endsWith('true')], [true, true])
  ok(logA.includes('finish') && logA.includes('close') && logB.includes('close'))
})

test('peers without tallies: refused by policy, served by policy', async () => {
  for (const [noTallyPolicy, served] of [
    ['refuse', false],
    [{ slots: 1 }, true],
  ] as const) {
    await using seeder = await open({ swarm: { noTallyPolicy } })
    await using leecher = await open()
    seeder.addSwarm({ ...NAMES, tallyLinks: links([]) }).setTransfer(seedOf(made))
    const download = memoryDownload(share)
    const swarm = leecher.addSwarm(NAMES)
    swarm.setTransfer(download.parts)
    swarm.addPeers([seeder.address!])
    if (served) await download.complete
    else await until(() => swarm.status().peers[0]?.weAreInterested === true)
    equal(swarm.status().receivedBytes > 0, served)
  }
})

test('a seeder whose data is corrupt is banned, the rest comes from another', async () => {
  await using bad = await open()
  await using good = await open()
  await using leecher = await open()
  const corrupt = made.data.slice()
  for (let at = 0; at < corrupt.length; at += 32_768) corrupt[at]! ^= 1
  bad.addSwarm(NAMES).setTransfer({ share, reader: memoryReader(share, corrupt, seedOf(made).reader.have) })
  good.addSwarm(NAMES).setTransfer(seedOf(made))
  const download = memoryDownload(share)
  const swarm = leecher.addSwarm(NAMES)
  swarm.setTransfer(download.parts)
  swarm.addPeers([bad.address!])
  await until(() => swarm.status().bans === 1)
  swarm.addPeers([good.address!])
  await download.complete
  deepEqual(download.data, made.data)
  equal(swarm.status().closes['BAD_DATA'], 1)
  equal(swarm.addPeers([bad.address!]), 0, 'not taken again')
})

test('our own address is noticed and not dialled again', async () => {
  await using host = await open()
  const swarm = host.addSwarm(NAMES)
  swarm.setTransfer(memoryDownload(share).parts)
  swarm.addPeers([host.address!])
  await until(() => swarm.status().closes['SELF'] === 1 || host.status().refused['SELF'] === 1)
  equal(swarm.status().peers.length, 0)
})

test('private shares serve no metadata (BEP 27)', async () => {
  const secret = makeShare({ version: 'v1', private: true })
  await using seeder = await open()
  seeder.addSwarm({ infoHashV1: secret.share.infoHashV1! }).setTransfer(seedOf(secret))
  await using peer = await RawPeer.greet(seeder.address!, { infoHash: secret.share.infoHashV1! })
  const { payload } = await peer.hears('extended')
  ok(!Buffer.from(payload).includes('metadata_size'))
})

test('limits on connections hold, in all and per host', async () => {
  await using seeder = await open({ connectionsMax: 10, connectionsPerHostMax: 2 })
  seeder.addSwarm(NAMES).setTransfer(seedOf(made))
  const peers = await Promise.all(
    [1, 2, 3, 4].map(() => RawPeer.greet(seeder.address!, { infoHash: share.infoHashV1! })),
  )
  await until(() => seeder.status().refused['CONNECTIONS_MAX'] === 2)
  equal(seeder.status().connections, 2)
  for (const peer of peers) await peer[Symbol.asyncDispose]()
  await until(() => seeder.status().connections === 0)
})

test('a dial that fails is counted and tried later; a listener that cannot listen says so', async () => {
  await using gone = await open()
  const port = gone.address!.port
  await gone[Symbol.asyncDispose]()
  await using host = await open()
  const swarm = host.addSwarm(NAMES)
  swarm.addPeers([{ host: '127.0.0.1', port }])
  await until(() => swarm.status().closes['DIAL_FAILED'] === 1)
  equal(host.status().connections, 0)
  equal(swarm.status().addressesKnown, 1)
  const taken = createBittorrentHost({ listen: host.address })
  equal(await taken.catch((error: { code: string }) => error.code), 'LISTEN_FAILED')
})

test('disposing a swarm ends its connections and its route; twice is once', async () => {
  await using seeder = await open()
  const swarm: Swarm = seeder.addSwarm(NAMES)
  swarm.setTransfer(seedOf(made))
  await using peer = await RawPeer.greet(seeder.address!, { infoHash: share.infoHashV1! })
  await peer.hears('have-all')
  await swarm[Symbol.asyncDispose]()
  await swarm[Symbol.asyncDispose]()
  await peer.closed
  await using late = await RawPeer.greet(seeder.address!, { infoHash: share.infoHashV1! })
  await late.closed
  equal(seeder.status().refused['WRONG_INFO_HASH'], 1)
  equal(seeder.status().swarms, 0)
})

test('two hosts have two peer ids', async () => {
  await using a = await open()
  await using b = await open()
  notDeepEqual(a.peerId, b.peerId)
})
