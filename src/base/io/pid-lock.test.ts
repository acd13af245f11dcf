// Goal: one holder at a time, in this process and beyond; a lock that nobody living holds stops nobody.
import { equal, rejects } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { takePidLock } from './pid-lock.ts'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsw-pid-lock-'))
})
after(() => rm(folder, { recursive: true }))

test('of many that ask at once one gets it, and the next after it', async () => {
  const path = join(folder, 'lock')
  const asked = await Promise.allSettled(Array.from({ length: 5 }, () => takePidLock(path)))
  const taken = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  equal(taken.length, 1)
  equal(await readFile(path, 'utf8'), String(process.pid))
  await taken[0]![Symbol.asyncDispose]()
  await rejects(stat(path), { code: 'ENOENT' })
  await using again = await takePidLock(path)
  await rejects(takePidLock(path), { code: 'LOCKED', details: { pid: process.pid } })
  void again
})

test('the lock of a living process is respected', async () => {
  const path = join(folder, 'living')
  await writeFile(path, String(process.ppid))
  await rejects(takePidLock(path), { code: 'LOCKED' })
  await rejects(takePidLock(path), { code: 'LOCKED' }, 'a refusal takes nothing')
})

test('a dead process, our own number from an earlier life, and nonsense are taken over', async () => {
  const path = join(folder, 'dead')
  for (const text of [String(spawnSync('true').pid), String(process.pid), '', '-1', 'x']) {
    await writeFile(path, text)
    await using lock = await takePidLock(path)
    void lock
  }
})

test('a folder that is not there is an error of the system', async () => {
  await rejects(takePidLock(join(folder, 'none', 'lock')), { code: 'ENOENT' })
})
