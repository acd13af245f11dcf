/**
 * The demo's download: from everyone at once, while one seeder dies and one lies.
 *
 * @module
 */
import { join } from 'node:path'
import { CodedError } from '../../base/errors.ts'
import { systemClock } from '../../base/io/system.ts'
import { startDownload } from '../../node/download.ts'
import type { Node } from '../../node/node.ts'
import { type Fault, faultOf, reportOf } from '../../node/report.ts'
import type { Download } from '../../transfer/io/download.ts'
import type { Context } from '../context.ts'
import { formatBytes } from '../format.ts'
import { createProgress } from '../progress.ts'
import { type Cast, PRICE_WEI_PER_MIB } from './cast.ts'
import type { Seeder } from './seeder.ts'

const DEADLINE_MS = 120_000
const PROGRESS_MS = 100
const KILL_CHECK_MS = 10

/** Downloads; half-way, the one that dies is killed. */
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
    signal: AbortSignal.any([context.signal, AbortSignal.timeout(DEADLINE_MS)]),
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
  const killer = killHalfWay(download, seeders, (fault) => faults.push(fault))
  const drawing = draw(download, nameOf)
  const startMs = systemClock.monotonicMs()
  try {
    await Promise.race([download.finished, late(DEADLINE_MS)])
  } finally {
    clearInterval(killer)
    drawing[Symbol.dispose]()
  }
  const seconds = (systemClock.monotonicMs() - startMs) / 1000
  const report = reportOf(download, faults)
  await downloading[Symbol.asyncDispose]()
  await watching
  const named = report.sources.map((source) => ({ ...source, label: nameOf(source.label) }))
  return { ...report, sources: named, seconds }
}

/** Kills the one that dies when half is there. */
function killHalfWay(
  download: Download,
  seeders: readonly Seeder[],
  died: (fault: Fault) => void,
): NodeJS.Timeout {
  const mortal = seeders.find(({ plan }) => plan.fate === 'dies')!
  const killer = setInterval(() => {
    const { verifiedBytes, wantedBytes } = download.status()
    if (verifiedBytes * 2 < wantedBytes) return
    clearInterval(killer)
    died({ kind: 'closed', label: mortal.plan.name, detail: `killed at ${formatBytes(verifiedBytes)}` })
    void mortal.kill()
  }, KILL_CHECK_MS)
  return killer
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

const late = (deadlineMs: number): Promise<never> =>
  new Promise((_, reject) => {
    const fail = () => reject(new CodedError('DEMO_TIMEOUT', `the download took over ${deadlineMs / 1000} s`))
    AbortSignal.timeout(deadlineMs).addEventListener('abort', fail)
  })
