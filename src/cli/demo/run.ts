/**
 * The demo's download: from everyone at once, while one seeder dies and one lies.
 *
 * @module
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError } from '../../base/errors.ts'
import { systemClock } from '../../base/io/system.ts'
import { type Downloading, startDownload } from '../../node/download.ts'
import type { Node } from '../../node/node.ts'
import { type Fault, faultOf, reportOf } from '../../node/report.ts'
import type { Download } from '../../transfer/io/download.ts'
import { type Context, untilStopped } from '../context.ts'
import { formatBytes } from '../format.ts'
import { createProgress } from '../progress.ts'
import { type Cast, PRICE_WEI_PER_MIB } from './cast.ts'
import type { Seeder } from './seeder.ts'

/** Without a verified piece for so long the demo has failed. */
const STALLED_MS = 120_000
const PROGRESS_MS = 100
const PLOT_CHECK_MS = 10
/** What a seller gives before a first payment: two pieces. Beyond it, it has been paid. */
export const FIRST_WINDOW_BYTES = 2 << 20
/** Of the share; ebb alone holds more than that. */
const MORTAL_FRACTION = 0.05

/** Downloads, while the plot takes its course. */
export async function run(node: Node, cast: Cast, { folder, context }: { folder: string; context: Context }) {
  const { made, seeders } = cast
  await using downloading = await startDownload(node, {
    target: made.share,
    torrentBytes: made.torrentBytes,
    outputFolder: join(folder, 'out'),
    peers: [],
    httpNodes: seeders.filter(({ plan }) => plan.protocol === 'http').map(({ label }) => label),
    protocols: new Set(['bt', 'http'] as const),
    discovery: true,
    checkCids: true,
    priceWeiPerMibMax: PRICE_WEI_PER_MIB,
    spendWeiMax: node.options.config.money.spend_max_wei,
    priceWeiPerMib: 0n,
    signal: context.signal,
  })
  const { download } = downloading
  const faults: Fault[] = []
  const nameOf = (label: string) => seeders.find((seeder) => seeder.label === label)?.plan.name ?? label
  const watching = (async () => {
    for await (const event of download.events) {
      const fault = faultOf(event)
      if (fault?.kind === 'lied') faults.push({ ...fault, label: nameOf(fault.label) })
    }
  })()
  const plot = direct(downloading, { seeders, faults })
  const drawing = draw(download, nameOf)
  const startMs = systemClock.monotonicMs()
  const over = new AbortController()
  try {
    const stopped = untilStopped(context.signal).then(() => context.signal.throwIfAborted())
    await Promise.race([download.finished, stall(download, over.signal), stopped])
  } finally {
    over.abort()
    clearInterval(plot)
    drawing[Symbol.dispose]()
  }
  const seconds = (systemClock.monotonicMs() - startMs) / 1000
  const report = reportOf(download, faults)
  await downloading[Symbol.asyncDispose]()
  await watching
  const named = report.sources.map((source) => ({ ...source, label: nameOf(source.label) }))
  return { ...report, sources: named, seconds }
}

/**
 * Half-way, and after a payment, the mortal is killed. The late one joins when that has happened, the liar was caught
 * and HTTP has served: only then can the download end.
 */
function direct(
  { download, swarm }: Downloading,
  { seeders, faults }: { readonly seeders: readonly Seeder[]; readonly faults: Fault[] },
): NodeJS.Timeout {
  const mortal = seeders.find(({ plan }) => plan.fate === 'dies')!
  const late = seeders.filter(({ plan }) => plan.joinsLate)
  let isDead = false
  const plot = setInterval(() => {
    const { verifiedBytes, wantedBytes, sources } = download.status()
    const brought = sources.find(({ label }) => label === mortal.label)?.verifiedBytes ?? 0
    const enough = Math.min(FIRST_WINDOW_BYTES + 1, wantedBytes * MORTAL_FRACTION)
    if (!isDead && verifiedBytes * 2 >= wantedBytes && brought >= enough) {
      isDead = true
      const detail = `killed at ${formatBytes(verifiedBytes)}`
      faults.push({ kind: 'closed', label: mortal.plan.name, detail })
      void mortal.kill()
    }
    const isCaught = faults.some(({ kind }) => kind === 'lied')
    const httpServed = sources.some((source) => source.protocol === 'http' && source.verifiedBytes > 0)
    if (!isDead || !isCaught || !httpServed) return
    clearInterval(plot)
    swarm!.addPeers(late.map(({ address }) => address))
  }, PLOT_CHECK_MS)
  return plot
}

/** Draws progress until disposed of. */
function draw(download: Download, nameOf: (label: string) => string): Disposable {
  const progress = createProgress(process.stderr, systemClock.nowMs)
  const drawing = setInterval(() => {
    const { verifiedBytes: doneBytes, wantedBytes: totalBytes, bytesPerS, state, sources } = download.status()
    const named = sources.map((source) => ({ ...source, label: nameOf(source.label) }))
    progress.update({ name: 'demo', doneBytes, totalBytes, bytesPerS, state, sources: named })
  }, PROGRESS_MS)
  return {
    [Symbol.dispose]: () => {
      clearInterval(drawing)
      progress.clear()
    },
  }
}

/** Rejects when nothing was verified for too long. */
async function stall(download: Download, over: AbortSignal): Promise<void> {
  for (let before = -1; !over.aborted; ) {
    const { verifiedBytes, wantedBytes } = download.status()
    if (verifiedBytes === before && verifiedBytes < wantedBytes)
      throw new CodedError('DEMO_STALLED', `nothing was verified for ${STALLED_MS / 1000} s`)
    before = verifiedBytes
    await sleep(STALLED_MS, undefined, { signal: over }).catch(() => undefined)
  }
}
