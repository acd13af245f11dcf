/**
 * `get`: downloads from everything that has it, and keeps sharing when asked to.
 *
 * @module
 */
import { resolve } from 'node:path'
import { systemClock } from '../base/io/system.ts'
import { parseAddress } from '../content/address-text.ts'
import type { Config } from '../node/config.ts'
import { type Downloading, type DownloadRequest, startDownload } from '../node/download.ts'
import { lockHome } from '../node/home.ts'
import { keepShare } from '../node/home-shares.ts'
import { createNode } from '../node/node.ts'
import { type Fault, faultOf, reportOf } from '../node/report.ts'
import { settleBeforeStop } from '../node/settle.ts'
import { findTarget } from '../node/target.ts'
import { torrentOf } from '../node/torrent-of.ts'
import { type Context, password, typed, untilStopped } from './context.ts'
import { formatBytes, formatSpan, formatSpeed, parseWei } from './format.ts'
import { listenAddresses, type Protocol, protocolsOf } from './listen.ts'
import { createProgress } from './progress.ts'

type GetOptions = {
  readonly out?: string
  readonly peer?: readonly string[]
  readonly source?: readonly string[]
  readonly only?: readonly string[]
  readonly maxPrice?: string
  readonly seed?: boolean
  readonly stay?: boolean
  readonly port?: string
  readonly httpPort?: string
  readonly host?: string
  readonly discovery: boolean
}

const PROGRESS_MS = 250
/** After a full disk or a failed write: tried again by itself. */
const RETRY_MS = 5_000

/** Peers reach us when we are announced, or when a port was asked for. */
function listening(config: Config, options: GetOptions, protocols: ReadonlySet<Protocol>) {
  const wanted = new Set(protocols)
  const stays = options.seed || options.stay || config.auto_seed
  if (!options.discovery && options.port === undefined) wanted.delete('bt')
  if (!stays && options.httpPort === undefined) wanted.delete('http')
  return listenAddresses(config, options, wanted)
}

async function requestOf(
  context: Context,
  text: string,
  options: GetOptions,
): Promise<{ request: DownloadRequest; config: Config }> {
  const { signal } = context
  const config = await context.config()
  const nodes = options.source ?? []
  const { money } = config
  const peers = (options.peer ?? []).map((text) => typed('--peer', text, parseAddress))
  const protocols = protocolsOf('--only', options.only)
  const priceWeiPerMibMax =
    options.maxPrice === undefined
      ? money.max_price_wei_per_mib
      : typed('--max-price', options.maxPrice, parseWei)
  const found = await findTarget(text, { nodes, signal })
  const request: DownloadRequest = {
    ...found,
    outputFolder: resolve(options.out ?? (config.downloads_dir === '' ? '.' : config.downloads_dir)),
    peers: [...found.peers, ...peers],
    httpNodes: [...found.httpNodes, ...nodes],
    protocols,
    discovery: options.discovery,
    priceWeiPerMibMax,
    spendWeiMax: money.spend_max_wei,
    priceWeiPerMib: money.price_wei_per_mib,
    signal,
  }
  return { request, config }
}

/** Draws progress and gathers faults until the download is complete, fails or is stopped. */
async function watch(
  context: Context,
  { download }: Downloading,
  paymentTrouble: () => string | undefined,
): Promise<Fault[]> {
  const { output, signal } = context
  const faults: Fault[] = []
  const progress = createProgress(process.stderr, systemClock.nowMs)
  const listen = async () => {
    for await (const event of download.events) {
      const fault = faultOf(event)
      if (fault) faults.push(fault)
      if (fault?.kind === 'lied') output.log(`${fault.label} is banned: ${fault.detail}`)
      if (event.type === 'state' && event.message !== '') output.log(`${event.state}: ${event.message}`)
      if (event.type === 'finished') return
    }
  }
  const draw = () => {
    const { verifiedBytes: doneBytes, wantedBytes: totalBytes, bytesPerS, state, sources } = download.status()
    progress.update({ name: download.share.name, doneBytes, totalBytes, bytesPerS, state, sources })
  }
  const timer = setInterval(draw, PROGRESS_MS)
  let trouble: string | undefined
  const retry = setInterval(() => {
    const now = paymentTrouble()
    if (now !== trouble && now !== undefined) output.log(`payees are not funded further: ${now}`)
    trouble = now
    if (download.status().state === 'paused') download.resume()
  }, RETRY_MS)
  void listen()
  try {
    await Promise.race([download.finished, untilStopped(signal)])
  } finally {
    clearInterval(timer)
    clearInterval(retry)
    progress.clear()
  }
  return faults
}

export async function get(context: Context, link: string, options: GetOptions): Promise<void> {
  const { home, output, signal } = context
  const startMs = systemClock.monotonicMs()
  const { request, config } = await requestOf(context, link, options)
  await using lock = await lockHome(home)
  void lock
  await using node = await createNode({
    home,
    config,
    ...password(),
    ...listening(config, options, request.protocols),
    withMoney: request.priceWeiPerMibMax > 0n || request.priceWeiPerMib > 0n,
    log: output.log,
  })
  await using downloading = await startDownload(node, request)
  const { download } = downloading
  const faults = await watch(context, downloading, () => node.money?.buyer.status().allocationTrouble)
  const complete = download.status().state === 'complete'
  const report = reportOf(download, faults)
  const seconds = (systemClock.monotonicMs() - startMs) / 1000
  if (!complete) {
    process.exitCode = 1
    output.result({ ok: false, seconds, ...report }, [
      `stopped at ${formatBytes(report.bytes)}; the same command goes on from there`,
    ])
    return
  }
  if (options.stay) output.say('BENCH_DONE')
  const stays = options.seed || options.stay || config.auto_seed
  if (!stays) await downloading[Symbol.asyncDispose]() // the last tallies and vouchers are signed at the end
  const spentWei = downloading.spentWei()
  output.result({ ok: true, seconds, spentWei, ...report }, [
    `${report.path}  ${formatBytes(report.bytes)} in ${formatSpan(seconds * 1000)} (${formatSpeed(report.bytes / seconds)})`,
    ...report.sources.map(
      (source) => `  ${source.protocol} ${source.label}  ${formatBytes(source.verifiedBytes)}`,
    ),
    ...(spentWei > 0n ? [`  promised ${spentWei} wei`] : []),
    ...report.faults.map((fault) => `  ${fault.kind}: ${fault.label}: ${fault.detail}`),
  ])
  if (!stays) return
  const { share } = downloading
  const { priceWeiPerMib, discovery, target } = request
  const torrentBytes = request.torrentBytes ?? (await torrentOf(download.reader, target))
  const whole = download.reader.have.isFull
  await keepShare(home, { share, torrentBytes, rootPath: report.path, priceWeiPerMib, discovery }, { whole })
  await untilStopped(signal)
  await downloading[Symbol.asyncDispose]()
  await settleBeforeStop(node)
}
