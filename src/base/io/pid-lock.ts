/**
 * A lock file that holds the process id of its owner; the lock of a process that is gone (kill -9) is taken over.
 *
 * Our own id in a file that we do not hold is such a lock too: in a container every start may get the same id.
 *
 * @module
 */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { CodedError, codeOf } from '../errors.ts'

/** Others may come between a look and a take. */
const ATTEMPTS_MAX = 3

/** What this process holds or is taking. */
const held = new Set<string>()

/**
 * Takes the lock until it is disposed of. The folder must be there.
 *
 * @throws {CodedError<'LOCKED'>} and system errors
 */
export async function takePidLock(path: string): Promise<AsyncDisposable> {
  const file = resolve(path)
  if (held.has(file)) throw lockedBy(process.pid, file)
  held.add(file)
  try {
    await write(file)
  } catch (error) {
    held.delete(file)
    throw error
  }
  return {
    [Symbol.asyncDispose]: async () => {
      await rm(file, { force: true }).catch(() => undefined) // left over, it will be taken over
      held.delete(file)
    },
  }
}

async function write(file: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    try {
      return await writeFile(file, String(process.pid), { flag: 'wx', mode: 0o600 })
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
    const owner = Number(await readFile(file, 'utf8').catch(() => ''))
    if (owner !== process.pid && isRunning(owner)) throw lockedBy(owner, file)
    await rm(file, { force: true })
  }
  throw new CodedError('LOCKED', `${file} keeps coming back: others are starting there`)
}

const lockedBy = (pid: number, file: string): CodedError =>
  new CodedError('LOCKED', `${file} is held by process ${pid}`, { details: { pid } })

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}
