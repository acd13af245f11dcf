/**
 * Bench of record for hashing: one file, all hashes (v1 pieces, v2 tree, cid, ed2k), from tmpfs.
 *
 *   node bench/hash.ts [--mib 2048] [--runs 5] [--workers N] [--piece-length N] [--version hybrid] [--dir /dev/shm]
 *
 * Prints one JSON line a run, then the median. The file is random-like and written once; it is removed at the
 * end.
 *
 * @module
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { TorrentVersion } from '../src/content/create.ts'
import { HashPool } from '../src/content/io/hash-pool.ts'
import { makeTorrent } from '../src/content/io/make-torrent.ts'

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '2048' },
    runs: { type: 'string', default: '5' },
    workers: { type: 'string', default: String(availableParallelism()) },
    'piece-length': { type: 'string', default: String(2 ** 20) },
    version: { type: 'string', default: 'hybrid' },
    dir: { type: 'string', default: '/dev/shm' },
  },
})
const MIB = 2 ** 20

function writeData(path: string, mib: number): void {
  const file = openSync(path, 'w')
  const block = new Uint32Array(MIB / 4)
  let state = 1
  for (let i = 0; i < mib; i++) {
    // A few words change per MiB: no two pieces are equal, and writing stays fast.
    for (let word = 0; word < block.length; word += i === 0 ? 1 : 997) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      block[word] = state
    }
    writeSync(file, block)
  }
  closeSync(file)
}

const folder = mkdtempSync(join(values.dir, 'tallyswarm-bench-'))
try {
  const path = join(folder, 'data')
  const bytes = Number(values.mib) * MIB
  writeData(path, Number(values.mib))
  await using pool = new HashPool({ workersMax: Number(values.workers) })
  const rates: number[] = []
  for (let run = 0; run < Number(values.runs); run++) {
    const cpu = process.cpuUsage()
    const start = performance.now()
    await makeTorrent(pool, path, {
      version: values.version as TorrentVersion,
      pieceLength: Number(values['piece-length']),
    })
    const seconds = (performance.now() - start) / 1000
    const { user, system } = process.cpuUsage(cpu)
    const mbPerS = bytes / 1e6 / seconds
    rates.push(mbPerS)
    const rssMib = Math.round(process.resourceUsage().maxRSS / 1024)
    const row = { run, mbPerS, seconds, cpuS: (user + system) / 1e6, rssMib, load1: loadavg()[0] }
    console.log(
      JSON.stringify(row, (_, value) => (typeof value === 'number' ? Number(value.toFixed(2)) : value)),
    )
  }
  rates.sort((a, b) => a - b)
  console.log(
    `median ${Math.round(rates[rates.length >>> 1]!)} MB/s of ${rates.length} runs, ${values.workers} workers`,
  )
} finally {
  rmSync(folder, { recursive: true })
}
