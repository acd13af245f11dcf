// Goal: the commands work as a stranger would use them: share, get by torrent, magnet, URL and cid, tallies checked
// offline, damage refused, stop and resume. Every process is the real program with a home of its own.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

const MAIN = join(import.meta.dirname, '..', 'src', 'cli', 'main.ts')
const CONFIG = '[network]\nallow_private = true\n'

type Result = { readonly code: number | null; readonly out: string; readonly err: string }

let folder = ''
let running: ChildProcess[] = []

async function home(name: string): Promise<string> {
  const path = join(folder, 'homes', name)
  await mkdir(path, { recursive: true })
  await writeFile(join(path, 'config.toml'), CONFIG)
  return path
}

function start(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  running.push(child)
  return child
}

function finished(child: ChildProcess): Promise<Result> {
  let out = ''
  let err = ''
  child.stdout!.on('data', (chunk) => {
    out += chunk
  })
  child.stderr!.on('data', (chunk) => {
    err += chunk
  })
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })))
}

const run = (...args: string[]): Promise<Result> => finished(start(args))
const json = (result: Result) => JSON.parse(result.out)

/** Resolves to the ports in the line that says it is ready. */
function ready(child: ChildProcess): Promise<{ peers: number; http: number }> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout!.on('data', (chunk) => {
      text += chunk
      const ports = /^BENCH_READY peers on (\d+), http on (\d+)/m.exec(text)
      if (ports) resolve({ peers: Number(ports[1]), http: Number(ports[2]) })
    })
    child.once('close', (code) => reject(new Error(`share ended with ${code}: ${text}`)))
  })
}

async function stop(child: ChildProcess): Promise<number | null> {
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve))
  child.kill('SIGTERM')
  return closed
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

let data = Buffer.alloc(0)
let seeder: ChildProcess
let ports = { peers: 0, http: 0 }
let torrent = ''
let made: { infoHashV2: string; magnet: string; files: { cid: string }[] }

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsw-cli-'))
  data = randomBytes(9_000_001)
  await writeFile(join(folder, 'blob.bin'), data)
  torrent = join(folder, 'blob.torrent')
  const result = await run('share', join(folder, 'blob.bin'), '--torrent-out', torrent, '--no-seed', '--json')
  equal(result.code, 0, result.err)
  made = json(result).shares[0]
  seeder = start([
    ...['share', '--torrent', torrent, '--data', folder, '--home', await home('seeder')],
    ...['--host', '127.0.0.1', '--port', '0', '--http-port', '0', '--no-discovery'],
  ])
  ports = await ready(seeder)
})

after(async () => {
  for (const child of running) if (child.exitCode === null) child.kill('SIGKILL')
  running = []
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

async function getAndCompare(name: string, link: string, ...more: string[]) {
  const out = join(folder, 'out', name)
  const result = await run('get', link, '--out', out, '--home', await home(name), '--json', ...more)
  equal(result.code, 0, result.err + result.out)
  equal(sha256(await readFile(join(out, 'blob.bin'))), sha256(data))
  return json(result)
}

test('what share prints names the file as other programs do', async () => {
  equal(made.files[0]!.cid, sha256(data))
  const inspected = json(await run('inspect', torrent, '--json'))
  equal(inspected.infoHashV2, made.infoHashV2)
})

test('get by torrent from a peer leaves tallies that verify offline, and a changed one does not', async () => {
  const peer = `127.0.0.1:${ports.peers}`
  const got = await getAndCompare('by-torrent', torrent, '--peer', peer, '--no-discovery')
  deepEqual(got.byProtocol, { bittorrent: data.length })
  const bundle = join(folder, 'bundle.json')
  const homePath = await home('by-torrent')
  equal((await run('tally', 'export', bundle, '--home', homePath)).code, 0)
  const verdict = await run('tally', 'verify', bundle, '--json')
  equal(verdict.code, 0, verdict.out)
  equal(Number(json(verdict).bytes), data.length)
  const text = await readFile(bundle, 'utf8')
  const digit = text.indexOf('"tallySignature":"') + 30
  const changed = text.slice(0, digit) + (text[digit] === '0' ? '1' : '0') + text.slice(digit + 1)
  await writeFile(bundle, changed)
  const refused = await run('tally', 'verify', bundle, '--json')
  equal(refused.code, 1)
  match(json(refused).verdicts[0].reason, /signature/)
})

test('get by magnet fetches the metadata from the peer', async () => {
  await getAndCompare('by-magnet', made.magnet, '--peer', `127.0.0.1:${ports.peers}`, '--no-discovery')
})

test('a magnet that chooses files beyond the share gets those it has, or says that there are none', async () => {
  const options = ['--peer', `127.0.0.1:${ports.peers}`, '--no-discovery']
  await getAndCompare('so-range', `${made.magnet}&so=0-4000000000`, ...options)
  const out = join(folder, 'out', 'so-none')
  const none = await run(
    'get',
    `${made.magnet}&so=7`,
    '--out',
    out,
    '--home',
    await home('so'),
    '--json',
    ...options,
  )
  equal(none.code, 1)
  equal(json(none).error.code, 'NO_SUCH_FILE')
})

test('get by URL of a node', async () => {
  const url = `http://127.0.0.1:${ports.http}/file/${made.infoHashV2}`
  const got = await getAndCompare('by-url', url, '--no-discovery')
  deepEqual(got.byProtocol, { http: data.length })
})

test('get by cid asks the node that was named, and checks the whole file', async () => {
  const source = `http://127.0.0.1:${ports.http}`
  await getAndCompare('by-cid', made.files[0]!.cid, '--source', source, '--no-discovery')
})

test('get from peer and node at once splits the work', async () => {
  const got = await getAndCompare(
    'by-both',
    torrent,
    ...['--peer', `127.0.0.1:${ports.peers}`, '--source', `http://127.0.0.1:${ports.http}`, '--no-discovery'],
  )
  equal(got.bytes, data.length)
})

test('a download by magnet that stays is kept and seeded by up; a second command on its home is refused', async () => {
  const stayHome = await home('stays')
  const staying = start([
    ...[
      'get',
      made.magnet,
      '--out',
      join(folder, 'out', 'stays'),
      '--home',
      stayHome,
      '--stay',
      '--no-discovery',
    ],
    ...['--host', '127.0.0.1', '--port', '0', '--http-port', '0', '--peer', `127.0.0.1:${ports.peers}`],
  ])
  await new Promise<void>((resolve) =>
    staying.stdout!.on('data', (chunk) => {
      if (String(chunk).includes('BENCH_DONE')) resolve()
    }),
  )
  const second = await run('tally', 'list', '--home', stayHome, '--json')
  equal(second.code, 1)
  equal(json(second).error.code, 'HOME_IN_USE')
  equal(await stop(staying), 0)
  equal((await run('tally', 'list', '--home', stayHome, '--json')).code, 0)
  const up = start(['up', '--no-chain', '--home', stayHome, '--json'])
  const document = await new Promise<{ bittorrent: { port: number }; shares: string[] }>((resolve) => {
    let text = ''
    up.stdout!.on('data', (chunk) => {
      text += chunk
      if (text.endsWith('}\n')) resolve(JSON.parse(text))
    })
  })
  deepEqual(document.shares, ['blob.bin'])
  await getAndCompare('from-up', torrent, '--peer', `127.0.0.1:${document.bittorrent.port}`, '--no-discovery')
  equal(await stop(up), 0)
})

test('wrong usage is exit code 2, a failed command 1, both with a message', async () => {
  equal((await run('get')).code, 2)
  equal((await run('share', '--home', folder)).code, 2)
  const wrong = [
    [],
    ['bogus'],
    ['get'],
    ['tally'],
    ['up', '--bogus'],
    ['share', folder, '--format', 'v9'],
    ['share', folder, '--piece-length', '5'],
    ['share', folder, '--price', '-3'],
    ['share', folder, '--port', '99999'],
    ['share', torrent, '--tracker', 'nowhere'],
    ['share', torrent, '--web-seed', 'nowhere'],
    ['get', torrent, '--peer', 'nowhere'],
    ['get', torrent, '--max-price', 'x'],
    ['wallet', 'send', '0x12', '5'],
  ]
  const results = await Promise.all(wrong.map((args) => run(...args, '--json')))
  for (const [i, result] of results.entries()) {
    deepEqual([json(result).error.code, result.code], ['USAGE', 2], wrong[i]!.join(' '))
  }
  const missing = await run('get', join(folder, 'nothing.torrent'), '--json')
  equal(missing.code, 1)
  equal(json(missing).error.code, 'NOT_FOUND')
  await writeFile(join(folder, 'bomb.torrent'), `d4:info${'l'.repeat(5_000)}`)
  const bomb = await run('inspect', join(folder, 'bomb.torrent'), '--json')
  equal(bomb.code, 1)
  ok(json(bomb).error.code.length > 0)
})

test('a seeder told to stop says goodbye and ends with 0', async () => {
  equal(await stop(seeder), 0)
})
