// Goal: the main job, small: a paid swarm with a dying and a lying seeder ends complete, verified and settled, and says
// so in the documented JSON.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

const MAIN = join(import.meta.dirname, '..', 'src', 'cli', 'main.ts')
const MIB = 48

test('demo --json', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    MAIN,
    'demo',
    '--size',
    String(MIB),
    '--json',
  ])
  const result = JSON.parse(stdout)
  deepEqual(result.missing, [])
  equal(result.ok, true)
  equal(result.bytes, MIB * 2 ** 20)
  equal(
    Object.values<number>(result.sources).reduce((sum, bytes) => sum + bytes, 0),
    result.bytes,
  )
  ok(result.sources.bittorrent > 0 && result.sources.http > 0)
  equal(result.tallies.verified, result.tallies.signed)
  ok(result.tallies.bytes > 0 && result.tallies.bytes <= result.bytes)
  ok(BigInt(result.settlement.paidWei) > 0n && result.settlement.transactions > 0)
  // Nobody is paid for more than was verified, rounded up once a session; the liar not at all.
  for (const { fate, paidWei, verifiedBytes } of result.seeders) {
    const worthWei = (BigInt(verifiedBytes) * 10n ** 12n) / 2n ** 20n
    ok(BigInt(paidWei) <= worthWei + 10n, `${fate}: ${paidWei} for ${verifiedBytes} bytes`)
    if (fate === 'lies') equal(paidWei, '0')
  }
  ok(result.faults.some((fault: { kind: string }) => fault.kind === 'lied'))
})

test('stopped in the middle, it ends at once and says so', async () => {
  const child = spawn(process.execPath, [MAIN, 'demo', '--size', '128', '--json'])
  const ended = new Promise((resolve) => child.once('close', resolve))
  let document = ''
  let log = ''
  child.stdout.on('data', (chunk) => {
    document += chunk
  })
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk) => {
      log += chunk
      if (/demo: \d/.test(log)) resolve()
    })
    child.once('close', () => resolve())
  })
  child.kill('SIGINT')
  equal(await ended, 1, log)
  equal(JSON.parse(document).error.code, 'STOPPED')
})
