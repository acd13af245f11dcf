/**
 * A seeder of the demo: this program's own `share`, in a process and a home of its own.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CodedError } from '../../base/errors.ts'
import { siblingUrl } from '../../base/io/sibling.ts'
import type { Address } from '../../base/world.ts'
import type { Share } from '../../content/share.ts'

/** Six processes start at once, perhaps on a machine that is busy with other things. */
const READY_TIMEOUT_MS = 120_000
const STOP_TIMEOUT_MS = 60_000
const JSON_CHARS_MAX = 1 << 20

export type SeederPlan = {
  readonly name: string
  readonly protocol: 'bt' | 'http'
  /** Parts of the share it holds, as fractions. */
  readonly ranges: readonly (readonly [number, number])[]
  readonly fate: 'honest' | 'dies' | 'lies'
  /** Not announced to the tracker: it joins when the downloader is told of it. */
  readonly joinsLate?: true
}

export type Seeder = {
  readonly plan: SeederPlan
  readonly home: string
  readonly data: string
  /** How the downloader sees it: `127.0.0.1:port` or the base URL. */
  readonly label: string
  readonly address: Address
  /** As a crash would: nothing is flushed. */
  kill(): Promise<void>
  /** As Ctrl-C would: settles, says goodbye. */
  stop(): Promise<void>
}

/** Runs this program with these arguments; with `--with-parent` it ends when we do, however we end. */
export function runSelf(args: readonly string[]): ChildProcess {
  const main = fileURLToPath(siblingUrl('../main', import.meta.url))
  return spawn(process.execPath, [main, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
}

/** Runs it to its end and reads the JSON document it prints. */
export async function runJson(args: readonly string[]): Promise<unknown> {
  const child = runSelf([...args, '--json'])
  let text = ''
  child.stderr!.resume()
  for await (const chunk of child.stdout!) text = (text + String(chunk)).slice(0, JSON_CHARS_MAX)
  return JSON.parse(text)
}

function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => child.once('exit', () => resolve()))
}

type ShareDocument = {
  readonly listening?: Record<string, { port: number }>
  readonly error?: { readonly message: string }
}

/** Undefined while the text is not a whole JSON document. */
function parseWhole(text: string): ShareDocument | undefined {
  try {
    return JSON.parse(text) as ShareDocument
  } catch {
    return undefined
  }
}

/** The document `share --json` prints when it is ready. */
function readyDocument(child: ChildProcess, name: string): Promise<Record<string, { port: number }>> {
  return new Promise((resolve, reject) => {
    let text = ''
    let errors = ''
    const fail = (why: string) =>
      reject(new CodedError('DEMO_SEEDER', `seeder ${name} ${why}: ${errors.slice(-600)}`))
    const timer = setTimeout(() => fail('was not ready in time'), READY_TIMEOUT_MS)
    child.once('exit', (code) => fail(`ended with ${code}`))
    child.stderr!.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-JSON_CHARS_MAX)
    })
    child.stdout!.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(0, JSON_CHARS_MAX)
      const document = parseWhole(text)
      if (document === undefined) return
      clearTimeout(timer)
      if (document.listening) resolve(document.listening)
      else fail(`said ${document.error?.message}`)
    })
  })
}

export async function startSeeder(
  plan: SeederPlan,
  about: {
    readonly home: string
    readonly data: string
    readonly torrent: string
    readonly config: string
    readonly priceWeiPerMib: bigint
  },
): Promise<Seeder> {
  const { home, data, torrent, config, priceWeiPerMib } = about
  await mkdir(home, { recursive: true })
  await writeFile(join(home, 'config.toml'), config)
  const child = runSelf([
    ...['share', '--torrent', torrent, '--data', data, '--home', home, '--host', '127.0.0.1', '--json'],
    ...[
      '--with-parent',
      '--port',
      '0',
      '--http-port',
      '0',
      '--protocols',
      plan.protocol,
      '--price',
      String(priceWeiPerMib),
      ...(plan.joinsLate ? ['--no-discovery'] : []),
    ],
  ])
  const listening = await readyDocument(child, plan.name).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error
  })
  const { port } = listening[plan.protocol === 'bt' ? 'bittorrent' : 'http']!
  const label = plan.protocol === 'bt' ? `127.0.0.1:${port}` : `http://127.0.0.1:${port}/`
  return {
    plan,
    home,
    data,
    label,
    address: { host: '127.0.0.1', port },
    kill: () => {
      child.kill('SIGKILL')
      return exited(child)
    },
    stop: async () => {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      await exited(child)
      clearTimeout(timer)
    },
  }
}

/** Overwrites the data of a running seeder, after it has hashed it: a disk that rots. */
export async function corrupt(share: Share, data: string): Promise<void> {
  const noise = randomFillSync(new Uint8Array(1 << 20))
  for (const { path, length } of share.files) {
    await using file = await open(join(data, share.name, path), 'r+')
    for (let at = 0; at < length; at += noise.length) {
      await file.write(noise, 0, Math.min(noise.length, length - at), at)
    }
  }
}
