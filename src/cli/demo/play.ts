/**
 * The demo's plot: a stage, a cast, one download, tallies verified by another process, settlement, and the count.
 *
 * @module
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toHex } from '../../base/bytes.ts'
import { systemClock } from '../../base/io/system.ts'
import { HashPool } from '../../content/io/hash-pool.ts'
import { verifyShare } from '../../content/io/verify.ts'
import { readConfig } from '../../node/config.ts'
import { homeAt } from '../../node/home.ts'
import { createNode, type Node } from '../../node/node.ts'
import { paymentsOf } from '../../node/payments.ts'
import { bundleContext } from '../../node/tally-context.ts'
import { formatBundle } from '../../tally/bundle.ts'
import { reportOf } from '../../tally/report.ts'
import type { Context } from '../context.ts'
import { type Cast, prepare } from './cast.ts'
import { run } from './run.ts'
import { runJson, type Seeder } from './seeder.ts'
import { openStage } from './stage.ts'

/** Exports what the downloader signed and lets another process verify it. */
async function checkTallies(node: Node, folder: string) {
  const sessions = node.tallies!.store.sessions()
  const reports = sessions.flatMap((stored) => reportOf(stored, { withRuns: true }) ?? [])
  const file = join(folder, 'tallies.json')
  await writeFile(file, formatBundle({ ...(await bundleContext(node.options.home)), reports }))
  const verdict = (await runJson(['tally', 'verify', file])) as {
    ok: boolean
    verified: number
    bytes: string
  }
  return { signed: reports.length, verified: verdict.verified, bytes: Number(verdict.bytes), ok: verdict.ok }
}

/** Seeders stop and claim what they are owed; who died, or had no time to claim, is settled by a new process. */
async function settle(cast: Cast, isOwed: (seeder: Seeder) => Promise<boolean>): Promise<void> {
  await Promise.all(
    cast.seeders.map(async (seeder) => {
      await (seeder.plan.fate === 'dies' ? seeder.kill() : seeder.stop())
      if (await isOwed(seeder)) await runJson(['wallet', 'settle', '--home', seeder.home])
    }),
  )
}

/** From nothing to settlement. */
export async function play(context: Context, folder: string, bytes: number) {
  const { output } = context
  const startMs = systemClock.monotonicMs()
  await using stage = await openStage()
  output.log(`chain ${stage.rpcUrl}; tracker ${stage.announceUrl}`)
  const home = homeAt(join(folder, 'downloader'))
  const payer = await stage.fundedWallet(home.path)
  await writeFile(join(home.path, 'config.toml'), stage.config)
  const cast = await prepare(stage, { folder, bytes, log: output.log })
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
  const accountOf = async (seeder: Seeder) => {
    const address = cast.wallets.get(seeder)!
    const { channel, wei: promisedWei } = promised.get(address) ?? { channel: undefined, wei: 0n }
    const paidWei = channel ? (await node.money!.driver.allocation(channel, address)).claimedWei : 0n
    return { address, promisedWei, paidWei }
  }
  await settle(cast, async (seeder) => {
    const { promisedWei, paidWei } = await accountOf(seeder)
    return paidWei < promisedWei
  })
  await node.money!.buyer.settle()
  const seeders = await Promise.all(
    cast.seeders.map(async (seeder, i) => {
      const { address, promisedWei, paidWei } = await accountOf(seeder)
      const after = await stage.balance(address)
      const source = delivered.sources.find(({ label }) => label === seeder.plan.name)
      const { name, protocol, fate } = seeder.plan
      return {
        ...{ name, protocol, fate, address, verifiedBytes: source?.verifiedBytes ?? 0, paidWei },
        ...{ promisedWei, beforeWei: before[i + 1]!, afterWei: after },
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

export type Play = Awaited<ReturnType<typeof play>>
