// Goal: one process at a time owns a home; a dead owner's lock is taken over.
import { ok, rejects } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { homeAt, lockHome } from './home.ts'

async function scratch() {
  const path = await mkdtemp(join(tmpdir(), 'tsw-home-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

test('a lock held by a living process is respected', async () => {
  await using folder = await scratch()
  await writeFile(join(folder.path, 'lock'), String(process.ppid))
  await rejects(lockHome(homeAt(folder.path)), { code: 'HOME_IN_USE' })
})

test('a lock of a process that is gone is taken over, and released', async () => {
  await using folder = await scratch()
  const { pid } = spawnSync('true')
  await writeFile(join(folder.path, 'lock'), String(pid))
  {
    await using lock = await lockHome(homeAt(folder.path))
    ok(lock)
    await rejects(
      stat(join(folder.path, 'lock')).then(() => Promise.reject(new Error('there'))),
      /there/,
    )
  }
  await rejects(stat(join(folder.path, 'lock')), { code: 'ENOENT' })
})

test('a folder that cannot be made is said so', async () => {
  await using folder = await scratch()
  await writeFile(join(folder.path, 'file'), '')
  await rejects(lockHome(homeAt(join(folder.path, 'file', 'home'))), { code: 'HOME_UNUSABLE' })
})
