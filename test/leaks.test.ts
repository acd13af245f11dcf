// Goal: a node that has served holds nothing of it: no descriptor more than before, no connection beyond loopback when
// it was told to stay there, and no process after it was stopped. Read from /proc, so on Linux only.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { differences, writeSeededTree } from './support/data.ts'
import { freePort } from './support/ports.ts'
import { until } from './support/processes.ts'
import { startProduct } from './support/product.ts'

const LIMIT_MS = 180_000
const DOWNLOADS = 4
const skip = existsSync('/proc/self/fd') ? false : 'ABSENT: /proc, which tells descriptors and sockets'

/** What the descriptors of a process point to, as `/proc` names it. */
async function descriptorsOf(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/fd`
  const targets = (await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => 'closed'))
  return (await Promise.all(targets)).filter((target) => target !== 'closed')
}

/** Remote addresses (in /proc's hex) of the connections that a process holds, listeners left out. */
async function remotesOf(pid: number): Promise<string[]> {
  const sockets = new Set(
    (await descriptorsOf(pid)).flatMap((target) => target.match(/^socket:\[(\d+)\]$/)?.[1] ?? []),
  )
  const remotes: string[] = []
  for (const table of ['tcp', 'tcp6', 'udp', 'udp6']) {
    const rows = (await readFile(`/proc/${pid}/net/${table}`, 'utf8')).trim().split('\n').slice(1)
    for (const row of rows.map((line) => line.trim().split(/\s+/))) {
      const [, , remote, , , , , , , inode] = row
      if (sockets.has(inode!) && !remote!.endsWith(':0000')) remotes.push(remote!.split(':')[0]!)
    }
  }
  return remotes
}

/** 127.0.0.0/8, also as an IPv6-mapped address, or ::1; /proc writes words in host order. */
const isLoopback = (hex: string) => /^([0-9A-F]{6}7F|0{16}FFFF0000[0-9A-F]{6}7F|0{24}01000000)$/.test(hex)

test('loopback is known by its hex', () => {
  ok(['0100007F', '0000000000000000FFFF00000100007F', '00000000000000000000000001000000'].every(isLoopback))
  ok(!['08080808', '0000000000000000FFFF000008080808'].some(isLoopback))
})

test('a seeder holds no more after many downloads than after one, and ends when told', { skip }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tallyswarm-leaks-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const data = join(folder, 'tree')
  const torrent = join(folder, 'tree.torrent')
  await writeSeededTree(data, { seed: 'leaks', files: 60 })
  const [port, httpPort] = [String(await freePort()), String(await freePort())]
  const listen = ['--host', '127.0.0.1', '--port', port, '--http-port', httpPort, '--no-discovery']
  const seeder = stack.use(
    await startProduct(join(folder, 'seeder'), ['share', data, '--torrent-out', torrent, ...listen]),
  )
  await seeder.line(/^BENCH_READY/, LIMIT_MS)

  const download = async (index: number): Promise<void> => {
    const out = join(folder, `out ${index}`)
    const sources = ['--peer', `127.0.0.1:${port}`, '--source', `http://127.0.0.1:${httpPort}`]
    const args = ['get', torrent, '--out', out, ...sources, '--no-discovery']
    await using leecher = await startProduct(join(folder, `leecher ${index}`), args)
    equal(await leecher.exit(LIMIT_MS), 0, leecher.tail())
    deepEqual(await differences(data, join(out, 'tree')), [])
  }
  // Also descriptors that stay for good: what the first download opens is opened once.
  await download(0)
  const calm = async () => ((await remotesOf(seeder.pid)).length === 0 ? true : undefined)
  await until('the first download has gone', LIMIT_MS, calm)
  const before = (await descriptorsOf(seeder.pid)).length

  const serving = Promise.all(Array.from({ length: DOWNLOADS }, (_, index) => download(index + 1)))
  let beyond: string[] = []
  while ((await Promise.race([serving.then(() => 'over'), remotesOf(seeder.pid)])) !== 'over') {
    beyond = beyond.concat((await remotesOf(seeder.pid)).filter((remote) => !isLoopback(remote)))
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await serving
  deepEqual(beyond, [], 'connections beyond loopback')
  await until('the seeder is back to what it held', LIMIT_MS, async () =>
    (await descriptorsOf(seeder.pid)).length <= before ? true : undefined,
  )

  process.kill(seeder.pid, 'SIGTERM')
  equal(await seeder.exit(LIMIT_MS), 0, seeder.tail())
})
