/**
 * Child processes for tests: started in a group of their own, read line by line, awaited with a bound, and gone
 * when disposed. What a group leaves behind all the same is found by `scripts/test.ts` through the inherited
 * environment.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

/** How many of its last lines a process is remembered by, for messages. */
const TAIL_LINES_MAX = 30
/** How many of its lines are kept for `line` to find: more than any peer of ours prints. */
const LINES_MAX = 20_000
const TERMINATE_MS = 4_000

export type Running = AsyncDisposable & {
  readonly pid: number
  /** The first line of either output (past ones included) that matches. Rejects when the process ends before. */
  line(pattern: RegExp, timeoutMs: number): Promise<string>
  /** The exit code; a process ended by a signal counts as 128. */
  exit(timeoutMs: number): Promise<number>
  send(line: string): void
  /** Last lines printed, for a message about what went wrong. */
  tail(): string
}

export type StartOptions = { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> }

const groups = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of groups) signalGroup(child, 'SIGKILL')
})
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-child.pid!, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Rejects with `message()` when `work` takes longer than `timeoutMs`. */
export async function within<T>(work: Promise<T>, timeoutMs: number, message: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${message()} (waited ${timeoutMs / 1000} s)`)), timeoutMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

type Watcher = { readonly pattern: RegExp; readonly found: (line: string) => void }

/** Starts a program. Rejects when it cannot be started at all. */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: StartOptions = {},
): Promise<Running> {
  const child = spawn(command, args, {
    detached: true,
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  await Promise.race([once(child, 'spawn'), once(child, 'error').then(([error]) => Promise.reject(error))])
  groups.add(child)
  child.stdin.on('error', () => undefined) // the peer may end before it has read what we send
  const lines: string[] = []
  const watchers = new Set<Watcher>()
  const hear = (line: string) => {
    if (lines.push(line) > LINES_MAX) lines.shift()
    for (const watcher of watchers) if (watcher.pattern.test(line)) watcher.found(line)
  }
  const outputs = [child.stdout, child.stderr].map((output: Readable) =>
    once(createInterface({ input: output }).on('line', hear), 'close'),
  )
  const ended = once(child, 'exit').then(async ([code]) => {
    groups.delete(child)
    await within(Promise.all(outputs), 1_000, () => 'output stays open').catch(() => undefined)
    return (code as number | null) ?? 128
  })
  const tail = () => lines.slice(-TAIL_LINES_MAX).join('\n')
  const name = `${command.split('/').at(-1)} (pid ${child.pid})`

  return {
    pid: child.pid!,
    tail,
    send: (line) => child.stdin.write(`${line}\n`),
    exit: (timeoutMs) => within(ended, timeoutMs, () => `${name} did not end:\n${tail()}`),
    async line(pattern, timeoutMs) {
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      const watcher = { pattern, found: resolve }
      watchers.add(watcher)
      const past = lines.find((line) => pattern.test(line))
      if (past !== undefined) resolve(past)
      ended.then((code) => reject(new Error(`${name} ended with ${code} before ${pattern}:\n${tail()}`)))
      return within(promise, timeoutMs, () => `${name} did not print ${pattern}:\n${tail()}`).finally(() =>
        watchers.delete(watcher),
      )
    },
    async [Symbol.asyncDispose]() {
      signalGroup(child, 'SIGTERM')
      await within(ended, TERMINATE_MS, () => name).catch(() => undefined)
      signalGroup(child, 'SIGKILL')
      await within(ended, TERMINATE_MS, () => `${name} survived SIGKILL`)
      child.stdin.destroy()
    },
  }
}

/** What a short program prints, or undefined when it is not installed or fails. */
export async function outputOf(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    await using running = await startProcess(command, args)
    return (await running.exit(60_000)) === 0 ? running.tail() : undefined
  } catch {
    return undefined
  }
}

/** Asks `check` until it answers something other than undefined. It may throw: that counts as "not yet". */
export async function until<T>(
  what: string,
  timeoutMs: number,
  check: () => Promise<T | undefined>,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs
  let last: unknown
  while (performance.now() < deadlineMs) {
    try {
      const answer = await check()
      if (answer !== undefined) return answer
      last = undefined
    } catch (error) {
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, 60))
  }
  throw new Error(`${what}: not within ${timeoutMs / 1000} s`, { cause: last })
}
