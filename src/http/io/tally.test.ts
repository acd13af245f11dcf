// Goal: tallies travel with the payload on each connection, an honest client is never stalled, a cheat gets
// one window.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { until } from '../../../test/support/processes.ts'
import { toHex } from '../../base/bytes.ts'
import { peerId } from '../../base/ids.ts'
import { systemClock, systemRandom } from '../../base/io/system.ts'
import type { Share } from '../../content/share.ts'
import { sha256 } from '../../crypto/io/sha.ts'
import { systemSchedule } from '../../tally/io/schedule.ts'
import type { TallyLinkFactory } from '../../tally/link.ts'
import { createTallyLinkFactory } from '../../tally/link-factory.ts'
import { createTestAuthority, credentialFor, ed25519, type TestAuthority } from '../../tally/pair.fixture.ts'
import { shareIdOf } from '../../tally/share-id.ts'
import { SessionTable } from '../../tally/store.ts'
import { Bench } from '../../transfer/io/fixture.ts'
import type { RangeSourceSettings, ShareServer, ShareServerSettings } from '../contract.ts'
import { encodeFramesHeader, transportId } from '../frames.ts'
import { testBytes, testShare } from './fixture.ts'
import { createHttpSource } from './http-source.ts'
import { createShareServer } from './server.ts'

const clientId = peerId(new Uint8Array(20).fill(1))
const serverId = peerId(new Uint8Array(20).fill(2))
const settings: Partial<ShareServerSettings> = {
  listen: { host: '127.0.0.1', port: 0 },
  plainClients: 'refuse',
}
/** A session's last frames are judged after its connection has gone: this long at most. */
const JUDGED_MS = 20_000
/** Our own link may be slow to sign on a loaded machine: the blocks of a choked lane are not given back for that. */
const PATIENT_MS = 1_000
const originOf = ({ address }: ShareServer) => `http://${address.host}:${address.port}`

type Side = { readonly table: SessionTable; readonly links: TallyLinkFactory; readonly transports: string[] }

async function side(share: Share, authority: TestAuthority): Promise<Side> {
  const table = new SessionTable()
  const swarmKey = await ed25519.generate()
  const credential = await credentialFor(authority, { share: shareIdOf(share), swarmKey: swarmKey.publicKey })
  const create = createTallyLinkFactory(
    { share, unitBytes: share.layout.pieceLength, strangers: 'refuse', bilateral: false },
    {
      ed25519,
      clock: systemClock,
      random: systemRandom,
      schedule: systemSchedule,
      store: table,
      memberships: () => [{ scope: authority.scope, authorityKey: authority.key.publicKey, credential }],
      swarmKey,
    },
  )
  const transports: string[] = []
  const links: TallyLinkFactory = (carrier, connection) => {
    transports.push(toHex(connection.transport))
    return create(carrier, connection)
  }
  return { table, links, transports }
}

const signedBytes = ({ table }: Side) =>
  table.sessions().reduce((sum, { newest }) => sum + Number(newest?.bytes ?? 0), 0)

const signedFor = (seller: Side, bytesMin: number) =>
  until(`the seller holds tallies for ${bytesMin} bytes`, JUDGED_MS, async () =>
    signedBytes(seller) >= bytesMin ? true : undefined,
  )

async function fetchAll(
  shared: ReturnType<typeof testShare>,
  server: ShareServer,
  { client, ...changes }: Partial<RangeSourceSettings> & { readonly client: Side },
) {
  await using bench = new Bench()
  await using download = await bench.open(shared.share)
  const source = createHttpSource(
    { url: originOf(server), origin: 'user', signWaitMs: PATIENT_MS, ...changes },
    {
      share: shared.share,
      clock: systemClock,
      random: systemRandom,
      peerId: clientId,
      tallyLinks: client.links,
      attach: (made) => download.attach(made, { priceWeiPerMib: 0n, reputation: 500 }),
    },
  )
  await download.finished
  await source.ended
  await source[Symbol.asyncDispose]()
  deepEqual(bench.read(shared.share.name), shared.contents[0])
  return source.status()
}

for (const [version, connections] of [
  ['hybrid', 1],
  ['hybrid', 4],
  ['v1', 2],
] as const) {
  test(`every byte of 12 MiB is signed for: ${version}, ${connections} connections`, async () => {
    const shared = testShare({
      version,
      pieceLength: 262_144,
      files: { 'film.bin': testBytes(12 * 2 ** 20 + 77) },
    })
    const authority = await createTestAuthority()
    const [seller, client] = [await side(shared.share, authority), await side(shared.share, authority)]
    await using server = await createShareServer(settings, { clock: systemClock, peerId: serverId })
    server.add(shared.reader, { tallyLinks: seller.links })
    const status = await fetchAll(shared, server, { client, connections })
    const { payloadBytes } = shared.share.layout
    equal(status.receivedBytes, payloadBytes)
    equal(signedBytes(client), payloadBytes)
    await signedFor(seller, payloadBytes)
    equal(signedBytes(seller), payloadBytes)
    equal(server.status().sentBytes, payloadBytes)
    deepEqual(
      new Set([...seller.transports, ...client.transports]),
      new Set([toHex(transportId(clientId, serverId, sha256))]),
    )
    equal(status.failures['HTTP_429'], undefined, 'nothing was given back for want of a signature')
  })
}

test('without tallies a client that must leave them gets nothing, and the source says why', async () => {
  const shared = testShare({ files: { 'film.bin': testBytes(100_000) } })
  await using server = await createShareServer(settings, { clock: systemClock, peerId: serverId })
  const seller = await side(shared.share, await createTestAuthority())
  server.add(shared.reader, { tallyLinks: seller.links })
  await using bench = new Bench()
  await using download = await bench.open(shared.share)
  await using source = createHttpSource(
    { url: originOf(server), origin: 'user' },
    {
      share: shared.share,
      clock: systemClock,
      random: systemRandom,
      peerId: clientId,
      attach: (made) => download.attach(made, { priceWeiPerMib: 0n, reputation: 500 }),
    },
  )
  deepEqual(await source.ended, { code: 'failed', cause: 'HTTP_402' })
  equal(server.status().sentBytes, 0)
})

test('a session ends with its connection: the next one opens another, and all is signed for', async () => {
  const shared = testShare({ pieceLength: 65_536, files: { 'film.bin': testBytes(4 * 2 ** 20) } })
  const authority = await createTestAuthority()
  const [seller, client] = [await side(shared.share, authority), await side(shared.share, authority)]
  await using server = await createShareServer(settings, { clock: systemClock, peerId: serverId })
  let broken = false
  const readFile = async (file: number, offset: number, into: Uint8Array) => {
    if (!broken && signedBytes(seller) > 0) {
      broken = true
      throw new Error('breaks the connection')
    }
    await shared.reader.readFile(file, offset, into)
  }
  server.add({ ...shared.reader, readFile }, { tallyLinks: seller.links })
  const status = await fetchAll(shared, server, {
    client,
    connections: 1,
    backoffMs: { first: 10, max: 20 },
    requestBlocksMax: 16,
  })
  equal(status.tallies.length, 2)
  equal(client.table.sessions().length, 2)
  // What the broken connection had not signed for is lost to the server: at most its window.
  const { payloadBytes } = shared.share.layout
  await signedFor(seller, payloadBytes - 2 ** 20)
  ok(signedBytes(seller) <= payloadBytes)
})

/** A client of one connection that does what it likes. */
function rawClient(server: ShareServer) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    new Promise<{ status: number; headers: Record<string, string>; bytes: number; text: string }>(
      (resolve, reject) => {
        const { host, port } = server.address
        const req = request({ host, port, path, method, headers, agent }, async (res) => {
          const parts: Uint8Array[] = []
          for await (const part of res) parts.push(part)
          const body = Buffer.concat(parts)
          resolve({
            status: res.statusCode!,
            headers: res.headers as never,
            bytes: body.length,
            text: String(body),
          })
        })
        req.on('error', reject)
        req.end()
      },
    )
  return { ask, [Symbol.dispose]: () => agent.destroy() }
}

test('a client that never signs gets at most one window', async () => {
  const shared = testShare({ pieceLength: 65_536, files: { 'film.bin': testBytes(6 * 2 ** 20) } })
  const authority = await createTestAuthority()
  const [seller, client] = [await side(shared.share, authority), await side(shared.share, authority)]
  await using server = await createShareServer(
    { ...settings, allowanceWaitMs: 20 },
    { clock: systemClock, peerId: serverId },
  )
  server.add(shared.reader, { tallyLinks: seller.links })
  const path = `/file/${toHex(shared.share.infoHashV2!)}`
  using raw = rawClient(server)
  const frames: Uint8Array[] = []
  const link = client.links(
    { send: (frame) => frames.push(frame), onAllowance: () => undefined, onViolation: () => undefined },
    { transport: transportId(clientId, serverId, sha256), weDialled: true, label: 'raw' },
  )
  while (frames.length === 0) await turn()
  const hello = { 'TSW-Peer': toHex(clientId), 'TSW-Frames': encodeFramesHeader(frames.splice(0)) }
  equal((await raw.ask(`${path}/have`, hello)).status, 200)
  await until('the hello is judged', JUDGED_MS, async () =>
    server.status().tallies[0]?.state.peerSpeaksTallies ? true : undefined,
  )
  let served = 0
  let last = { status: 0, headers: {} as Record<string, string> }
  for (let i = 0; i < 40; i++) {
    const answer = await raw.ask(path, { Range: `bytes=${i * 65_536}-${i * 65_536 + 65_535}` })
    if (answer.status === 206) served += answer.bytes
    last = answer
  }
  equal(last.status, 429)
  ok(served > 0 && served <= 2 ** 20, `${served} bytes`)
  ok(Number(last.headers['tsw-allowance']) < 65_536)
  link.close()
})

test('what does not fit the session of a connection is refused', async () => {
  const shared = testShare({ files: { 'film.bin': testBytes(1_000) } })
  const other = testShare({ files: { other: testBytes(2_000) } })
  const authority = await createTestAuthority()
  const [seller, sellerToo] = [await side(shared.share, authority), await side(other.share, authority)]
  await using server = await createShareServer(settings, { clock: systemClock, peerId: serverId })
  server.add(shared.reader, { tallyLinks: seller.links })
  server.add(other.reader, { tallyLinks: sellerToo.links })
  const have = (share: Share) => `/file/${toHex(share.infoHashV2!)}/have`
  using raw = rawClient(server)
  const peer = { 'TSW-Peer': toHex(clientId) }
  const codeOf = ({ status, text }: { status: number; text: string }) => [status, JSON.parse(text).code]
  deepEqual(codeOf(await raw.ask(have(shared.share), { 'TSW-Frames': 'AAAA' })), [409, 'TALLY_NO_SESSION'])
  const hello = await raw.ask(have(shared.share), peer)
  equal(hello.headers['tsw-peer'], toHex(serverId))
  deepEqual(codeOf(await raw.ask(have(other.share), peer)), [409, 'TALLY_OTHER_SHARE'])
  deepEqual(codeOf(await raw.ask(have(shared.share), { 'TSW-Peer': '07'.repeat(20) })), [
    409,
    'TALLY_OTHER_PEER',
  ])
  deepEqual(codeOf(await raw.ask(have(shared.share), { 'TSW-Frames': '****' })), [400, 'NOT_BASE64'])
  for (const bad of ['zz', 'ab', '07'.repeat(21)]) {
    using fresh = rawClient(server)
    equal((await fresh.ask(have(shared.share), { 'TSW-Peer': bad })).status, 400)
  }
  using liar = rawClient(server)
  await liar.ask(have(shared.share), peer)
  const garbage = encodeFramesHeader([new Uint8Array([99, 1, 2, 3])])
  equal((await liar.ask(have(shared.share), { 'TSW-Frames': garbage })).status, 400)
})
