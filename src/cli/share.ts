/**
 * `share`: makes a torrent (or takes one) and seeds it until stopped.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseAddress } from '../content/address-text.ts'
import { parseTorrent } from '../content/metainfo.ts'
import type { Share } from '../content/share.ts'
import { sha1, sha256 } from '../crypto/io/sha.ts'
import { describeShare } from '../node/describe.ts'
import { lockHome } from '../node/home.ts'
import { keepShare } from '../node/home-shares.ts'
import { createNode } from '../node/node.ts'
import { seed } from '../node/seed.ts'
import { settleBeforeStop } from '../node/settle.ts'
import { type Context, password, typed, UsageError, untilStopped } from './context.ts'
import { describeLines } from './describe-lines.ts'
import { parseWei } from './format.ts'
import { listenAddresses, protocolsOf } from './listen.ts'
import { type MakeOptions, make } from './make.ts'

type ShareOptions = MakeOptions & {
  readonly torrent?: string
  readonly data?: string
  readonly seed: boolean
  readonly protocols?: readonly string[]
  readonly price?: string
  readonly trustData?: boolean
  readonly port?: string
  readonly httpPort?: string
  readonly host?: string
  readonly peer?: readonly string[]
  readonly discovery: boolean
  readonly withParent?: boolean
}

type ToSeed = {
  readonly share: Share
  readonly torrentBytes: Uint8Array
  readonly rootPath: string
  readonly check: 'hash' | 'sizes'
}

async function sharesToSeed(
  context: Context,
  paths: readonly string[],
  options: ShareOptions,
): Promise<ToSeed[]> {
  if (options.torrent !== undefined) {
    if (paths.length > 0) throw new UsageError('either paths or --torrent, not both')
    if (options.data === undefined)
      throw new UsageError('--torrent needs --data DIR, the folder with its data')
    const torrentBytes = await readFile(options.torrent)
    const share = parseTorrent(torrentBytes, { sha1, sha256 })
    const check = options.trustData ? 'sizes' : 'hash'
    return [{ share, torrentBytes, rootPath: join(resolve(options.data), share.name), check }]
  }
  if (paths.length === 0) throw new UsageError('share needs a PATH, or --torrent FILE --data DIR')
  if (paths.length > 1 && options.torrentOut !== undefined) {
    throw new UsageError('--torrent-out takes one PATH')
  }
  const made: ToSeed[] = []
  for (const path of paths) {
    const { share, torrentBytes } = await make(context, path, options)
    made.push({ share, torrentBytes, rootPath: resolve(path), check: 'sizes' })
  }
  return made
}

export async function share(
  context: Context,
  paths: readonly string[],
  options: ShareOptions,
): Promise<void> {
  const { home, output, signal } = context
  const config = await context.config()
  const protocols = protocolsOf('--protocols', options.protocols)
  const priceWeiPerMib =
    options.price === undefined ? config.money.price_wei_per_mib : typed('--price', options.price, parseWei)
  const peers = (options.peer ?? []).map((text) => typed('--peer', text, parseAddress))
  const addresses = listenAddresses(config, options, protocols)
  const toSeed = await sharesToSeed(context, paths, options)
  const documents = toSeed.map(({ share }) => describeShare(share))
  if (options.seed === false) {
    output.result({ ok: true, shares: documents }, documents.flatMap(describeLines))
    return
  }
  await using lock = await lockHome(home)
  void lock
  await using node = await createNode({
    home,
    config,
    ...password(),
    ...addresses,
    withMoney: priceWeiPerMib > 0n,
    log: output.log,
  })
  await using seeds = new AsyncDisposableStack()
  for (const each of toSeed) {
    const request = { ...each, priceWeiPerMib, discovery: options.discovery, peers, protocols, signal }
    const { reader } = seeds.use(await seed(node, request))
    if (!options.discovery) continue
    const whole = reader.have.isFull && options.trustData !== true
    await keepShare(home, { ...each, priceWeiPerMib, discovery: true }, { whole })
  }
  const listening = {
    bittorrent: node.bittorrent.address,
    http: node.http?.address,
  }
  output.result({ ok: true, shares: documents, listening }, documents.flatMap(describeLines))
  output.say(
    `BENCH_READY peers on ${listening.bittorrent?.port ?? 'no port'}, http on ${listening.http?.port ?? 'no port'}; seeding until Ctrl-C`,
  )
  await (options.withParent ? Promise.race([untilStopped(signal), untilStdinCloses()]) : untilStopped(signal))
  await seeds.disposeAsync()
  await settleBeforeStop(node)
}

function untilStdinCloses(): Promise<void> {
  return new Promise((resolve) => {
    process.stdin.once('close', resolve).resume().unref()
  })
}
