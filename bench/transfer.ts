/**
 * One transfer from our `share` to our `get`, in two processes on loopback, with wall time and CPU counted.
 *
 * @module
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { freePort } from '../test/support/ports.ts'
import { type Running, startProcess } from '../test/support/processes.ts'
import { ROOT } from '../test/support/product.ts'

const TIMEOUT_MS = 300_000
const MEMORY_SAMPLE_MS = 100
/** USER_HZ: the unit of CPU times in /proc, 100 on every Linux that Node runs on. */
const TICKS_PER_S = 100

export type Bench = { readonly folder: string; readonly torrent: string; readonly dataDir: string }
export type TransferOptions = {
  readonly tallies: 'on' | 'off'
  /** Arguments for Node itself, on both sides. */
  readonly nodeArgs?: readonly string[]
}
export type Measured = {
  /** From the start of `get` to its BENCH_DONE. */
  readonly wallS: number
  readonly seederCpuS: number
  readonly leecherCpuS: number
  readonly seederAnonMib: number
  readonly leecherAnonMib: number
}

/** User and system seconds of a process and all its threads. */
async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S
}

/** Watches the anonymous memory of a process until disposed. */
function watchMemory(pid: number): Disposable & { peakMib(): number } {
  let peakKib = 0
  const timer = setInterval(async () => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
    peakKib = Math.max(peakKib, Number(status.match(/^RssAnon:\s+(\d+)/m)?.[1] ?? 0))
  }, MEMORY_SAMPLE_MS)
  return { peakMib: () => peakKib / 1024, [Symbol.dispose]: () => clearInterval(timer) }
}

async function startSide(home: string, args: readonly string[], options: TransferOptions): Promise<Running> {
  await mkdir(home, { recursive: true })
  await writeFile(join(home, 'config.toml'), `[tally]\nenabled = ${options.tallies === 'on'}\n`)
  const common = ['--host', '127.0.0.1', '--no-discovery', '--home', home]
  const node = [...(options.nodeArgs ?? []), `${ROOT}src/cli/main.ts`]
  return startProcess(process.execPath, [...node, ...args, ...common])
}

/** Moves the whole share once. @throws with the last words of the side that failed */
export async function transferOnce(bench: Bench, options: TransferOptions): Promise<Measured> {
  const out = join(bench.folder, 'out')
  const homes = { seeder: join(bench.folder, 'seeder'), leecher: join(bench.folder, 'leecher') }
  const port = String(await freePort())
  await using stack = new AsyncDisposableStack()
  stack.defer(async () => {
    for (const folder of [out, homes.seeder, homes.leecher])
      await rm(folder, { recursive: true, force: true })
  })
  const share = ['share', '--torrent', bench.torrent, '--data', bench.dataDir, '--trust-data']
  const seeder = stack.use(
    await startSide(homes.seeder, [...share, '--protocols', 'bt', '--port', port], options),
  )
  await seeder.line(/^BENCH_READY/, TIMEOUT_MS)
  const seederStartS = await cpuSecondsOf(seeder.pid)
  using seederMemory = watchMemory(seeder.pid)

  const startMs = performance.now()
  const get = ['get', bench.torrent, '--out', out, '--peer', `127.0.0.1:${port}`, '--only', 'bt', '--stay']
  const leechPort = String(await freePort())
  const leecher = stack.use(await startSide(homes.leecher, [...get, '--port', leechPort], options))
  using leecherMemory = watchMemory(leecher.pid)
  await leecher.line(/^BENCH_DONE/, TIMEOUT_MS)
  const wallS = (performance.now() - startMs) / 1000
  return {
    wallS,
    seederCpuS: (await cpuSecondsOf(seeder.pid)) - seederStartS,
    leecherCpuS: await cpuSecondsOf(leecher.pid),
    seederAnonMib: seederMemory.peakMib(),
    leecherAnonMib: leecherMemory.peakMib(),
  }
}

/** Makes data and a torrent of it below `folder`. */
export async function prepare(
  folder: string,
  { mib, format }: { mib: number; format: string },
): Promise<Bench> {
  const data = join(folder, 'data', 'payload.bin')
  await mkdir(dirname(data), { recursive: true })
  await using make = await startProcess('dd', [
    'if=/dev/urandom',
    `of=${data}`,
    'bs=1M',
    `count=${mib}`,
    'status=none',
  ])
  if ((await make.exit(TIMEOUT_MS)) !== 0) throw new Error(`no data: ${make.tail()}`)
  const torrent = join(folder, 'payload.torrent')
  const args = ['share', data, '--torrent-out', torrent, '--no-seed', '--format', format]
  await using maker = await startProcess(process.execPath, [
    `${ROOT}src/cli/main.ts`,
    ...args,
    '--piece-length',
    String(2 ** 20),
    '--home',
    join(folder, 'maker'),
  ])
  if ((await maker.exit(TIMEOUT_MS)) !== 0) throw new Error(`no torrent: ${maker.tail()}`)
  return { folder, torrent, dataDir: dirname(data) }
}
