/**
 * `demo`: a whole paid swarm on loopback, from start to settlement, with one seeder that dies and one that lies.
 *
 * Everything is the real thing: seeders are processes of this program with homes of their own, the chain is anvil with
 * our contracts, tallies are exported and verified by another process.
 *
 * @module
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { CodedError } from '../base/errors.ts'
import { systemClock } from '../base/io/system.ts'
import { HashPool } from '../content/io/hash-pool.ts'
import type { MadeTorrent } from '../content/io/make-torrent.ts'
import { verifyShare } from '../content/io/verify.ts'
import type { EvmAddress } from '../money/address.ts'
import { readConfig } from '../node/config.ts'
import { startDownload } from '../node/download.ts'
import { homeAt } from '../node/home.ts'
import { createNode, type Node } from '../node/node.ts'
import { paymentsOf } from '../node/payments.ts'
import { type Fault, faultOf, reportOf } from '../node/report.ts'
import { bundleContext } from '../node/tally-context.ts'
import { formatBundle } from '../tally/bundle.ts'
import { reportOf as tallyReportOf } from '../tally/report.ts'
import { type Context, UsageError } from './context.ts'
import { copyPart, makeDemoShare } from './demo/data.ts'
import { corrupt, runJson, type Seeder, type SeederPlan, startSeeder } from './demo/seeder.ts'
import { openStage, type Stage } from './demo/stage.ts'
import { formatBytes, formatSpan, formatSpeed } from './format.ts'
import { createProgress } from './progress.ts'

const PRICE_WEI_PER_MIB = 10n ** 12n
const DEADLINE_MS = 120_000
const PROGRESS_MS = 100
const KILL_CHECK_MS = 10

/** Every part is held by two honest seeders, one over each protocol or both over one. */
const PLANS: readonly SeederPlan[] = [
  { name: 'ada', protocol: 'bt', ranges: [[0, 0.5]], fate: 'honest' },
  { name: 'bell', protocol: 'bt', ranges: [[0.5, 1]], fate: 'honest' },
  { name: 'curie', protocol: 'http', ranges: [[0.25, 0.75]], fate: 'honest' },
  {
    name: 'dirac',
    protocol: 'http',
    ranges: [
      [0, 0.25],
      [0.75, 1],
    ],
    fate: 'honest',
  },
  { name: 'ebb', protocol: 'bt', ranges: [[0.1, 0.9]], fate: 'dies' },
  { name: 'fake', protocol: 'bt', ranges: [[0.2, 0.8]], fate: 'lies' },
]

type Cast = {
  readonly made: MadeTorrent
  readonly seeders: readonly Seeder[]
  readonly wallets: ReadonlyMap<Seeder, EvmAddress>
}

async function prepare(
  stage: Stage,
  folder: string,
  bytes: number,
  log: (line: string) => void,
): Promise<Cast> {
  const source = join(folder, 'source', 'demo-share')
  const made = await makeDemoShare(source, { bytes, trackers: [stage.announceUrl] })
  const { share } = made
  const torrent = join(folder, 'demo.torrent')
  await writeFile(torrent, made.torrentBytes)
  log(
    `share: ${formatBytes(bytes)} in ${share.files.length} files, ${share.layout.pieceCount} pieces, ${share.version}`,
  )
  const starting = PLANS.map(async (plan) => {
    const home = join(folder, plan.name)
    const data = join(home, 'data')
    const wallet = await stage.fundedWallet(home)
    await copyPart(share, { source, target: join(data, share.name), ranges: plan.ranges })
    const priceWeiPerMib = PRICE_WEI_PER_MIB
    const seeder = await startSeeder(plan, { home, data, torrent, config: stage.config, priceWeiPerMib })
    if (plan.fate === 'lies') await corrupt(share, data)
    return { seeder, wallet }
  })
  const started = await all(starting, ({ seeder }) => seeder.kill())
  for (const { seeder } of started) {
    const { name, protocol, ranges, fate } = seeder.plan
    const parts = ranges.map(([from, to]) => `${from * 100}–${to * 100} %`).join(', ')
    log(
      `seeder ${name.padEnd(6)} ${protocol.padEnd(5)} ${seeder.label.padEnd(26)} holds ${parts}${fate === 'honest' ? '' : ` (${fate})`}`,
    )
  }
  return {
    made,
    seeders: started.map(({ seeder }) => seeder),
    wallets: new Map(started.map(({ seeder, wallet }) => [seeder, wallet])),
  }
}

/** As Promise.all, but what did start is undone when something fails. */
async function all<T>(starting: readonly Promise<T>[], undo: (started: T) => Promise<void>): Promise<T[]> {
  const settled = await Promise.allSettled(starting)
  const failed = settled.find((one) => one.status === 'rejected')
  const started = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  if (failed === undefined) return started
  await Promise.all(started.map(undo))
  throw failed.reason
}

/** Downloads; half-way, the one that dies is killed. */
async function run(node: Node, cast: Cast, { folder, context }: { folder: string; context: Context }) {
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
  const mortal = seeders.find(({ plan }) => plan.fate === 'dies')!
  const killer = setInterval(() => {
    const { verifiedBytes, wantedBytes } = download.status()
    if (verifiedBytes * 2 < wantedBytes) return
    clearInterval(killer)
    faults.push({
      kind: 'closed',
      label: mortal.plan.name,
      detail: `killed at ${formatBytes(verifiedBytes)}`,
    })
    void mortal.kill()
  }, KILL_CHECK_MS)
  const progress = createProgress(process.stderr, systemClock.nowMs)
  const drawing = setInterval(() => {
    const { verifiedBytes, wantedBytes, bytesPerS, state, sources } = download.status()
    const named = sources.map((source) => ({ ...source, label: nameOf(source.label) }))
    progress.update({
      name: 'demo',
      doneBytes: verifiedBytes,
      totalBytes: wantedBytes,
      bytesPerS,
      state,
      sources: named,
    })
  }, PROGRESS_MS)
  const startMs = systemClock.monotonicMs()
  try {
    const late = new Promise<never>((_, reject) => {
      const fail = () =>
        reject(new CodedError('DEMO_TIMEOUT', `the download took over ${DEADLINE_MS / 1000} s`))
      AbortSignal.timeout(DEADLINE_MS).addEventListener('abort', fail)
    })
    await Promise.race([download.finished, late])
  } finally {
    clearInterval(killer)
    clearInterval(drawing)
    progress.clear()
  }
  const seconds = (systemClock.monotonicMs() - startMs) / 1000
  const report = reportOf(download, faults)
  await downloading[Symbol.asyncDispose]()
  await watching
  const named = report.sources.map((source) => ({ ...source, label: nameOf(source.label) }))
  return { ...report, sources: named, seconds }
}

/** Exports what the downloader signed and lets another process verify it. */
async function checkTallies(node: Node, folder: string) {
  const sessions = node.tallies!.store.sessions()
  const reports = sessions.flatMap((stored) => tallyReportOf(stored, { withRuns: true }) ?? [])
  const file = join(folder, 'tallies.json')
  await writeFile(file, formatBundle({ ...(await bundleContext(node.options.home)), reports }))
  const verdict = (await runJson(['tally', 'verify', file])) as {
    ok: boolean
    verified: number
    bytes: string
  }
  return { signed: reports.length, verified: verdict.verified, bytes: Number(verdict.bytes), ok: verdict.ok }
}

/** Seeders stop and claim what they are owed; the dead one's home is settled by a new process. */
async function settle(cast: Cast): Promise<void> {
  await Promise.all(
    cast.seeders.map(async (seeder) => {
      if (seeder.plan.fate !== 'dies') return seeder.stop()
      await seeder.kill()
      await runJson(['wallet', 'settle', '--home', seeder.home])
    }),
  )
}

async function play(context: Context, folder: string, bytes: number) {
  const { output } = context
  const startMs = systemClock.monotonicMs()
  await using stage = await openStage()
  output.log(`chain ${stage.rpcUrl}; tracker ${stage.announceUrl}`)
  const home = homeAt(join(folder, 'downloader'))
  const payer = await stage.fundedWallet(home.path)
  await writeFile(join(home.path, 'config.toml'), stage.config)
  const cast = await prepare(stage, folder, bytes, output.log)
  const everyone = [payer, ...cast.wallets.values()]
  const before = await Promise.all(everyone.map((address) => stage.balance(address)))
  await using stopping = new AsyncDisposableStack()
  for (const seeder of cast.seeders) stopping.defer(() => seeder.stop())
  await using node = await createNode({
    home,
    config: await readConfig(home.path),
    bittorrent: { host: '127.0.0.1', port: 0 },
    withMoney: true,
    log: output.log,
  })
  const delivered = await run(node, cast, { folder, context })
  const tallies = await checkTallies(node, folder)
  const promised = paymentsOf(node.tallies!.store.sessions())
  await settle(cast)
  await node.money!.buyer.settle()
  const seeders = await Promise.all(
    cast.seeders.map(async (seeder, i) => {
      const address = cast.wallets.get(seeder)!
      const channel = promised.get(address)?.channel
      const paidWei = channel ? (await node.money!.driver.allocation(channel, address)).claimedWei : 0n
      const after = await stage.balance(address)
      const source = delivered.sources.find(({ label }) => label === seeder.plan.name)
      const { name, protocol, fate } = seeder.plan
      return {
        ...{ name, protocol, fate, address, verifiedBytes: source?.verifiedBytes ?? 0, paidWei },
        ...{ promisedWei: promised.get(address)?.wei ?? 0n, beforeWei: before[i + 1]!, afterWei: after },
      }
    }),
  )
  const buyer = { address: payer, beforeWei: before[0]!, afterWei: await stage.balance(payer) }
  const transactions = await Promise.all(everyone.map((address) => stage.transactions(address)))
  await using pool = new HashPool()
  const paths = cast.made.share.files.map(({ path }) => join(delivered.path, path))
  const bits = await verifyShare(pool, { share: cast.made.share, paths })
  const whole = bits.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0)
  return {
    seconds: (systemClock.monotonicMs() - startMs) / 1000,
    downloadSeconds: delivered.seconds,
    bytes: delivered.bytes,
    complete: whole === cast.made.share.layout.pieceCount,
    sources: delivered.byProtocol,
    seeders,
    buyer,
    tallies,
    settlement: {
      paidWei: seeders.reduce((sum, { paidWei }) => sum + paidWei, 0n),
      transactions: transactions.reduce((sum, count) => sum + count, 0),
    },
    faults: delivered.faults,
    root: toHex((cast.made.share.infoHashV2 ?? cast.made.share.infoHashV1)!),
  }
}

type Play = Awaited<ReturnType<typeof play>>

/** What must be true for the demo to have shown what it claims. */
function failures({ complete, tallies, seeders, faults, settlement }: Play): string[] {
  const missing: string[] = []
  if (!complete) missing.push('the downloaded files do not hash right')
  if (!tallies.ok || tallies.verified !== tallies.signed) missing.push('not every tally verified')
  const liar = seeders.find(({ fate }) => fate === 'lies')!
  if (!faults.some(({ kind, label }) => kind === 'lied' && label === liar.name))
    missing.push('the liar was not named')
  if (liar.paidWei > 0n) missing.push('the liar was paid')
  if (!faults.some(({ kind }) => kind === 'closed')) missing.push('nobody died')
  const unpaid = seeders.filter(({ verifiedBytes, paidWei }) => verifiedBytes > 0 && paidWei === 0n)
  if (unpaid.length > 0) missing.push(`not paid: ${unpaid.map(({ name }) => name).join(', ')}`)
  if (settlement.paidWei === 0n) missing.push('nothing was settled')
  return missing
}

function lines(result: Play, missing: readonly string[]): string[] {
  const { seeders, tallies, settlement, buyer } = result
  return [
    `${formatBytes(result.bytes)} in ${formatSpan(result.downloadSeconds * 1000)} (${formatSpeed(result.bytes / result.downloadSeconds)}), verified`,
    'seeder  how   delivered    paid (wei)        balance before → after (wei, fees included)',
    ...seeders.map(
      (s) =>
        `${s.name.padEnd(7)} ${s.protocol.padEnd(5)} ${formatBytes(s.verifiedBytes).padStart(10)}  ${String(s.paidWei).padStart(16)}  ${s.beforeWei} → ${s.afterWei}${s.fate === 'honest' ? '' : `  ${s.fate}`}`,
    ),
    `buyer                                         ${buyer.beforeWei} → ${buyer.afterWei}`,
    `tallies: ${tallies.signed} sessions signed, ${tallies.verified} verified by another process, ${formatBytes(tallies.bytes)}`,
    `settled: ${settlement.paidWei} wei in ${settlement.transactions} transactions`,
    ...result.faults.map(
      ({ kind, label, detail }) =>
        `fault: ${label} ${kind === 'lied' ? 'served bad bytes' : 'died'} (${detail})`,
    ),
    missing.length === 0
      ? `ok, ${result.seconds.toFixed(1)} s from nothing to settlement`
      : `FAILED: ${missing.join('; ')}`,
  ]
}

export async function demo(context: Context, options: { readonly size: string }): Promise<void> {
  const mib = Number(options.size)
  if (!Number.isSafeInteger(mib) || mib < 16 || mib > 65_536)
    throw new UsageError('--size takes MiB, 16 to 65536')
  const folder = await mkdtemp(join(tmpdir(), 'tallyswarm-demo-'))
  try {
    const result = await play(context, folder, mib * 2 ** 20)
    const missing = failures(result)
    context.output.result({ ok: missing.length === 0, missing, ...result }, lines(result, missing))
    if (missing.length > 0) process.exitCode = 1
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
