/**
 * Who plays in the demo: the seeders, what each holds and what becomes of it, each with a home and a wallet of its own.
 *
 * @module
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MadeTorrent } from '../../content/io/make-torrent.ts'
import type { EvmAddress } from '../../money/address.ts'
import { announcedHashes } from '../../node/announce.ts'
import { formatBytes } from '../format.ts'
import { copyPart, makeDemoShare } from './data.ts'
import { corrupt, type Seeder, type SeederPlan, startSeeder } from './seeder.ts'
import type { Stage } from './stage.ts'

export const PRICE_WEI_PER_MIB = 10n ** 12n

/**
 * Until bell joins, ebb alone holds 40–50 %, fake alone 50–60 % and dirac alone 90–100 %: however fast the others are,
 * the download cannot end before ebb has served, fake was caught and HTTP was used.
 */
const PLANS: readonly SeederPlan[] = [
  { name: 'ada', protocol: 'bt', ranges: [[0, 0.4]], fate: 'honest' },
  { name: 'bell', protocol: 'bt', ranges: [[0.4, 1]], fate: 'honest', joinsLate: true },
  {
    name: 'curie',
    protocol: 'http',
    ranges: [
      [0.2, 0.4],
      [0.6, 0.8],
    ],
    fate: 'honest',
  },
  {
    name: 'dirac',
    protocol: 'http',
    ranges: [
      [0, 0.2],
      [0.8, 1],
    ],
    fate: 'honest',
  },
  {
    name: 'ebb',
    protocol: 'bt',
    ranges: [
      [0.1, 0.5],
      [0.6, 0.9],
    ],
    fate: 'dies',
  },
  {
    name: 'fake',
    protocol: 'bt',
    ranges: [
      [0.2, 0.4],
      [0.5, 0.8],
    ],
    fate: 'lies',
  },
]

export type Cast = {
  readonly made: MadeTorrent
  readonly seeders: readonly Seeder[]
  readonly wallets: ReadonlyMap<Seeder, EvmAddress>
}

/** Makes the share and starts every seeder with its part. */
export async function prepare(
  stage: Stage,
  { folder, bytes, log }: { folder: string; bytes: number; log: (line: string) => void },
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
  const announcing = PLANS.filter(({ protocol, joinsLate }) => protocol === 'bt' && !joinsLate)
  await stage.announced(announcing.length * announcedHashes(share).length)
  for (const { seeder } of started) {
    const { name, protocol, ranges, fate, joinsLate } = seeder.plan
    const parts = ranges.map(([from, to]) => `${from * 100}–${to * 100} %`).join(', ')
    log(
      `seeder ${name.padEnd(6)} ${protocol.padEnd(5)} ${seeder.label.padEnd(26)} holds ${parts}${fate === 'honest' ? '' : ` (${fate})`}${joinsLate ? ' (joins late)' : ''}`,
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
