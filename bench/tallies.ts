/**
 * What tallies cost: the same transfer with and without them, in alternating pairs, and one profiled transfer that
 * counts the CPU time spent in tally code itself.
 *
 *   node bench/tallies.ts [--pairs 20] [--mib 512] [--format hybrid] [--dir /dev/shm]
 *
 * Prints each pair as JSON on stderr and a table on stdout. The interval is a bootstrap over pairs (95 %, percentile,
 * fixed seed). Wall time is from the start of `get` to its BENCH_DONE, so it holds one process start on either side.
 *
 * @module
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { tallyShare } from './profile.ts'
import { bootstrapInterval, median } from './statistics.ts'
import { type Bench, type Measured, prepare, transferOnce } from './transfer.ts'

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '20' },
    mib: { type: 'string', default: '512' },
    format: { type: 'string', default: 'hybrid' },
    dir: { type: 'string', default: '/dev/shm' },
  },
})
const pairs = Number(values.pairs)
const mib = Number(values.mib)

type Pair = { readonly on: Measured; readonly off: Measured }

const folder = await mkdtemp(join(values.dir, 'tallyswarm-tallies-'))
try {
  const bench = await prepare(folder, { mib, format: values.format })
  await transferOnce(bench, { tallies: 'on' }) // fills the compile cache and the page cache
  const measured: Pair[] = []
  for (let index = 0; index < pairs; index++) {
    measured.push(await measurePair(bench, index))
    console.error(JSON.stringify({ pair: index + 1, ...measured.at(-1) }))
  }
  const profiles = join(folder, 'profiles')
  await mkdir(profiles)
  const nodeArgs = ['--cpu-prof', '--cpu-prof-dir', profiles]
  const profiled = await transferOnce(bench, { tallies: 'on', nodeArgs })
  const share = await tallyShare(profiles)
  console.log(table(measured, { share, msPerGib: (share * cpuOf(profiled) * 1000 * 1024) / mib }))
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** Which of the two goes first alternates, so that a drift of the machine cancels out. */
async function measurePair(bench: Bench, index: number): Promise<Pair> {
  if (index % 2 === 1) {
    const off = await transferOnce(bench, { tallies: 'off' })
    return { on: await transferOnce(bench, { tallies: 'on' }), off }
  }
  const on = await transferOnce(bench, { tallies: 'on' })
  return { on, off: await transferOnce(bench, { tallies: 'off' }) }
}

/** CPU seconds of both sides. */
function cpuOf({ seederCpuS, leecherCpuS }: Measured): number {
  return seederCpuS + leecherCpuS
}

/** The median of ratios as a change in per cent, with its interval. */
function change(ratios: readonly number[]): string {
  const percent = (ratio: number) => `${((ratio - 1) * 100).toFixed(2)} %`
  const [low, high] = bootstrapInterval(ratios)
  return `${percent(median(ratios))} (95 %: ${percent(low)} to ${percent(high)})`
}

function table(
  measured: readonly Pair[],
  counted: { readonly share: number; readonly msPerGib: number },
): string {
  const row = (name: string, pick: (one: Measured) => number, digits: number): string => {
    const on = measured.map((pair) => pick(pair.on))
    const off = measured.map((pair) => pick(pair.off))
    const ratios = on.map((value, index) => value / off[index]!)
    return `| ${name} | ${median(on).toFixed(digits)} | ${median(off).toFixed(digits)} | ${change(ratios)} |`
  }
  const percentOfCpu = (100 * counted.share).toFixed(2)
  return [
    `${pairs} alternating pairs, ${mib} MiB ${values.format}, ${cpus().length} × ${cpus()[0]?.model}\n`,
    '| median | tallies on | tallies off | on against off |',
    '|---|---|---|---|',
    row('wall s', (one) => one.wallS, 3),
    row('CPU s, both sides', cpuOf, 2),
    row('peak anonymous MiB, get', (one) => one.leecherAnonMib, 0),
    row('peak anonymous MiB, share', (one) => one.seederAnonMib, 0),
    `| CPU counted in tally code, both sides | ${counted.msPerGib.toFixed(0)} ms per GiB | 0 | ${percentOfCpu} % of all |`,
  ].join('\n')
}
