/**
 * Finds the processes that a test run left behind. Every process it starts inherits one variable with the run's
 * own id, so that a process is known even after its parent has gone (Linux; elsewhere nothing is found).
 *
 * @module
 */
import { readdir, readFile } from 'node:fs/promises'

export const RUN_VARIABLE = 'TALLYSWARM_TEST_RUN'
/** A process that is already ending gets this long. */
const GRACE_MS = 1_500

const WATCH_MS = 2_000

export type LeftProcess = { readonly pid: number; readonly parent: number; readonly command: string }

const textOf = (path: string) => readFile(path, 'utf8').catch(() => '')

async function scan(runId: string): Promise<LeftProcess[]> {
  const left: LeftProcess[] = []
  for (const entry of await readdir('/proc').catch(() => [])) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    const environment = await textOf(`/proc/${pid}/environ`)
    if (!environment.split('\0').includes(`${RUN_VARIABLE}=${runId}`)) continue
    const command = (await textOf(`/proc/${pid}/cmdline`)).replaceAll('\0', ' ').trim()
    const parent = Number((await textOf(`/proc/${pid}/status`)).match(/^PPid:\s*(\d+)/m)?.[1])
    left.push({ pid, parent, command })
  }
  return left
}

/** Processes other than this one that carry `runId`, after a moment for those that are just ending. */
export async function processesOf(runId: string): Promise<LeftProcess[]> {
  const deadlineMs = performance.now() + GRACE_MS
  let left = await scan(runId)
  while (left.length > 0 && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    left = await scan(runId)
  }
  return left
}

/** Calls `late` once for each test file's process that has lived longer than `limitMs`, and ends it. */
export function watchFiles(runId: string, limitMs: number, late: (process: LeftProcess) => void): Disposable {
  const seenAtMs = new Map<number, number>()
  const timer = setInterval(async () => {
    const nowMs = performance.now()
    const files = (await scan(runId)).filter(({ parent }) => parent === process.pid)
    for (const file of files) {
      const ageMs = nowMs - (seenAtMs.get(file.pid) ?? nowMs)
      if (!seenAtMs.has(file.pid)) seenAtMs.set(file.pid, nowMs)
      if (ageMs < limitMs) continue
      late(file)
      await endProcesses([file])
    }
  }, WATCH_MS)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** Ends them, each by its own id. */
export async function endProcesses(left: readonly LeftProcess[]): Promise<void> {
  for (const { pid } of left) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}
