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
import { tallySeconds } from './profile.ts'
import { bootstrapInterval, median } from './statistics.ts'
import { type Measured, prepare, transferOnce } from './transfer.ts'

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
    const order = index % 2 === 0 ? (['on', 'off'] as const) : (['off', 'on'] as const)
    const pair: Partial<Record<'on' | 'off', Measured>> = {}
    for (const tallies of order) pair[tallies] = await transferOnce(bench, { tallies })
    measured.push(pair as Pair)
    console.error(JSON.stringify({ pair: index + 1, ...pair }))
  }
  const profiles = join(folder, 'profiles')
  await mkdir(profiles)
  await transferOnce(bench, { tallies: 'on', nodeArgs: ['--cpu-prof', '--cpu-prof-dir', profiles] })
  report(measured, await tallySeconds(profiles))
} finally {
  await rm(folder, { recursive: true, force: true })
}

function report(
  measured: readonly Pair[],
  counted: { readonly tallyS: number; readonly busyS: number },
): void {
  const gib = mib / 1024
  const ratios = measured.map(({ on, off }) => on.wallS / off.wallS)
  const cpuOf = (one: Measured) => one.seederCpuS + one.leecherCpuS
  const cpuRatios = measured.map(({ on, off }) => cpuOf(on) / cpuOf(off))
  const percent = (ratio: number) => `${((ratio - 1) * 100).toFixed(2)} %`
  const cost = (ratiosOfPairs: readonly number[]) => {
    const [low, high] = bootstrapInterval(ratiosOfPairs)
    return `${percent(median(ratiosOfPairs))} (95 %: ${percent(low)} to ${percent(high)})`
  }
  const medianOf = (pick: (pair: Pair) => number, digits: number) =>
    median(measured.map(pick)).toFixed(digits)
  console.log(`${pairs} alternating pairs, ${mib} MiB ${values.format}, ${cpus().length} × ${cpus()[0]?.model}\n
| | tallies on | tallies off | on against off |
|---|---|---|---|
| wall s | ${medianOf((p) => p.on.wallS, 3)} | ${medianOf((p) => p.off.wallS, 3)} | ${cost(ratios)} |
| CPU s, both sides | ${medianOf((p) => cpuOf(p.on), 2)} | ${medianOf((p) => cpuOf(p.off), 2)} | ${cost(cpuRatios)} |
| peak anonymous MiB, get | ${medianOf((p) => p.on.leecherAnonMib, 0)} | ${medianOf((p) => p.off.leecherAnonMib, 0)} | |
| peak anonymous MiB, share | ${medianOf((p) => p.on.seederAnonMib, 0)} | ${medianOf((p) => p.off.seederAnonMib, 0)} | |
| counted CPU ms per GiB in tally code, both sides | ${((counted.tallyS / gib) * 1000).toFixed(1)} | 0 | ${(
    (100 * counted.tallyS) / counted.busyS
  ).toFixed(2)} % of the main threads' busy time |`)
}
