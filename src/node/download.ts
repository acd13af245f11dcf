/**
 * One download over everything that has it: peers, HTTP nodes, web seeds, each a source of one transfer.
 *
 * @module
 */
import { join } from 'node:path'
import { CodedError } from '../base/errors.ts'
import { systemClock, systemRandom } from '../base/io/system.ts'
import type { Address } from '../base/world.ts'
import type { Swarm } from '../bittorrent/contract.ts'
import type { FileRange } from '../content/magnet.ts'
import type { Share } from '../content/share.ts'
import type { TrackerClient } from '../discovery/io/tracker-client.ts'
import type { RangeSource } from '../http/contract.ts'
import type { Purchase } from '../money/buyer.ts'
import type { TallyLinkFactory } from '../tally/link.ts'
import { shareIdOf } from '../tally/share-id.ts'
import { type Download, openDownload } from '../transfer/io/download.ts'
import type { SourceTerms } from '../transfer/source.ts'
import { announce, announcedHashes } from './announce.ts'
import { shareKey } from './home-shares.ts'
import { openHttpSources } from './http-sources.ts'
import { createLateLinks } from './late-links.ts'
import type { Node } from './node.ts'

/** What is known of a share before its torrent is. */
export type ShareName = Pick<Share, 'infoHashV1' | 'infoHashV2' | 'trackers' | 'webSeeds'>

export type DownloadRequest = {
  /** The share, or just its name when it comes by magnet. */
  readonly target: Share | ShareName
  readonly torrentBytes?: Uint8Array
  readonly outputFolder: string
  readonly peers: readonly Address[]
  /** Base URLs of HTTP nodes, named by the user. */
  readonly httpNodes: readonly string[]
  readonly protocols: ReadonlySet<'bt' | 'http'>
  /** Ask trackers, use the torrent's web seeds. */
  readonly discovery: boolean
  /** Only these; ranges may name more than the share has (BEP 53). */
  readonly chosenFiles?: readonly FileRange[]
  /** Whole-file hashes that the torrent claims must match before the final name is written. */
  readonly checkCids: boolean
  readonly priceWeiPerMibMax: bigint
  readonly spendWeiMax: bigint
  /** What we ask for what we have. */
  readonly priceWeiPerMib: bigint
  readonly signal: AbortSignal
}

export type Downloading = AsyncDisposable & {
  readonly share: Share
  readonly download: Download
  readonly swarm?: Swarm
  readonly httpSources: readonly RangeSource[]
  /** What was promised for it so far. */
  readonly spentWei: () => bigint
}

/** A source we know nothing of yet: it is free until it quotes a price, and a stranger. */
const STRANGER: SourceTerms = { priceWeiPerMib: 0n, reputation: 500 }

const isShare = (target: Share | ShareName): target is Share => 'layout' in target

/** Starts a download; resolves once the share is known and the transfer runs. */
export async function startDownload(node: Node, request: DownloadRequest): Promise<Downloading> {
  const { target, protocols, discovery, signal } = request
  await using opened = new AsyncDisposableStack()
  node.store.workers.warm()
  const late = createLateLinks()
  let download: Download | undefined
  const swarm = protocols.has('bt') ? opened.use(openSwarm(node, target, late.factory)) : undefined
  const tracker =
    swarm && discovery ? announceDownload(node, swarm, { target, download: () => download }) : undefined
  if (tracker) opened.use(tracker)
  swarm?.addPeers(request.peers)

  const share = isShare(target) ? target : await shareOf(swarm, signal)
  const purchase = purchaseOf(node, share, request)
  const tallyLinks = await linksOf(node, share, { request, purchase })
  if (tallyLinks) late.start(tallyLinks)
  const running = opened.use(await openTransfer(node, share, request))
  download = running
  swarm?.setTransfer({ share, reader: running.reader, attach: (source) => running.attach(source, STRANGER) })
  const http = opened.use(
    openHttpSources(
      node,
      {
        nodes: protocols.has('http') ? request.httpNodes : [],
        webSeeds: protocols.has('http') && discovery ? share.webSeeds : [],
      },
      { share, download: running, terms: STRANGER, ...(tallyLinks ? { tallyLinks } : {}) },
    ),
  )
  if (node.http) {
    const { http: server } = node
    server.add(running.reader, {
      ...(request.torrentBytes ? { torrent: request.torrentBytes } : {}),
      ...(tallyLinks ? { tallyLinks } : {}),
    })
    opened.defer(() => server.remove(share))
  }
  void running.finished.then(
    () => tracker?.completed(),
    () => undefined,
  )
  const stack = opened.move()
  return {
    share,
    download: running,
    httpSources: http.sources,
    spentWei: () => purchase?.spentWei ?? 0n,
    ...(swarm ? { swarm } : {}),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

function openSwarm(node: Node, target: Share | ShareName, tallyLinks: TallyLinkFactory): Swarm {
  const { infoHashV1, infoHashV2 } = target
  return node.bittorrent.addSwarm({
    ...(infoHashV1 ? { infoHashV1 } : {}),
    ...(infoHashV2 ? { infoHashV2 } : {}),
    ...(node.tallies ? { tallyLinks } : {}),
  })
}

/** Trackers are told the truth: before the metadata is there, that something is left. */
function announceDownload(
  node: Node,
  swarm: Swarm,
  { target, download }: { target: Share | ShareName; download: () => Download | undefined },
): TrackerClient | undefined {
  if (target.trackers.length === 0) return undefined
  const unknown = isShare(target) ? target.layout.payloadBytes : 1
  return announce(node, swarm, {
    hashes: announcedHashes(target),
    tiers: target.trackers,
    progress: () => {
      const uploaded = swarm.status().sentBytes
      const status = download()?.status()
      if (!status) return { uploaded, downloaded: 0, left: unknown }
      const left = status.wantedBytes - status.verifiedBytes
      return { uploaded, downloaded: status.receivedBytes, left }
    },
  })
}

function shareOf(swarm: Swarm | undefined, signal: AbortSignal): Promise<Share> {
  if (!swarm) {
    throw new CodedError('NO_METADATA', 'a magnet needs BitTorrent peers, or --source with an HTTP node')
  }
  return new Promise((resolve, reject) => {
    const stop = () => reject(new CodedError('STOPPED', 'stopped before the metadata came'))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    swarm.onShare(resolve)
  })
}

function purchaseOf(node: Node, share: Share, request: DownloadRequest): Purchase | undefined {
  const { priceWeiPerMibMax, spendWeiMax } = request
  const buyer = priceWeiPerMibMax > 0n ? node.money?.buyer : undefined
  return buyer?.purchase({ share: shareIdOf(share), priceWeiPerMibMax, spendWeiMax })
}

async function linksOf(
  node: Node,
  share: Share,
  { request, purchase }: { readonly request: DownloadRequest; readonly purchase: Purchase | undefined },
): Promise<TallyLinkFactory | undefined> {
  const { priceWeiPerMib } = request
  return node.tallies?.linksFor(share, { priceWeiPerMib, ...(purchase ? { purchase } : {}) })
}

/** @throws {CodedError<'NO_SUCH_FILE'>} when the share has none of them */
function filesIn({ name, files }: Share, ranges: readonly FileRange[]): number[] {
  const indexes = files.map(({ index }) => index)
  const chosen = indexes.filter((index) => ranges.some(({ first, last }) => first <= index && index <= last))
  if (chosen.length > 0) return chosen
  throw new CodedError(
    'NO_SUCH_FILE',
    `the link chooses files that ${name} does not have: it has ${files.length}`,
  )
}

async function openTransfer(node: Node, share: Share, request: DownloadRequest): Promise<Download> {
  const { outputFolder, chosenFiles, checkCids, priceWeiPerMibMax, signal } = request
  return openDownload(
    {
      share,
      outputFolder,
      stateFolder: join(node.options.home.resume, shareKey(share)),
      checkCids,
      maxPriceWeiPerMib: priceWeiPerMibMax,
      signal,
      ...(chosenFiles ? { chosenFiles: filesIn(share, chosenFiles) } : {}),
    },
    { clock: systemClock, random: systemRandom, store: node.store },
  )
}
