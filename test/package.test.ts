// Goal: what `npm pack` makes runs where it is installed: npm alone, no source, no development dependency, no install
// script. The tarball is compiled, installed into an empty project and shares a file over loopback.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { globSync } from 'node:fs'
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { VERSION } from '../src/node/version.ts'
import { differences, writeSeededFile } from './support/data.ts'
import { outputOf, type Running, startProcess } from './support/processes.ts'
import { ROOT } from './support/product.ts'

const PACK_TIMEOUT_MS = 180_000
const INSTALL_TIMEOUT_MS = 300_000
const RUN_TIMEOUT_MS = 120_000
const FILE_BYTES = 3_000_001
/** How npm says that the registry is out of reach. */
const NO_REGISTRY =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT)\b/

let folder = ''
let installed = ''
let absent: string | undefined

async function npm(cwd: string, timeoutMs: number, args: readonly string[]): Promise<string> {
  await using running = await startProcess('npm', [...args, '--loglevel=error'], { cwd })
  const code = await running.exit(timeoutMs)
  if (code !== 0) throw new Error(`npm ${args[0]} ended with ${code}:\n${running.tail()}`)
  return running.tail()
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsw-package-'))
  await npm(ROOT, PACK_TIMEOUT_MS, ['pack', '--pack-destination', folder])
  const project = join(folder, 'project')
  await mkdir(project)
  await writeFile(join(project, 'package.json'), '{ "private": true }')
  installed = join(project, 'node_modules', 'tallyswarm')
  const tarball = join(folder, `tallyswarm-${VERSION}.tgz`)
  const flags = ['--prefer-offline', '--ignore-scripts', '--fetch-retries=0', '--fetch-timeout=20000']
  await npm(project, INSTALL_TIMEOUT_MS, ['install', tarball, ...flags]).catch((error: Error) => {
    if (!NO_REGISTRY.test(error.message)) throw error
    absent = 'ABSENT: the npm registry, to install the tarball with what it depends on'
  })
})

after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

/** Skips, aloud, what needs the installed package. */
function needsPackage(t: TestContext): boolean {
  if (absent !== undefined) t.skip(absent)
  return absent === undefined
}

const tallyswarm = (...args: string[]): Promise<Running> =>
  startProcess(process.execPath, [join(installed, '..', '.bin', 'tallyswarm'), ...args], { cwd: folder })

async function home(name: string): Promise<string[]> {
  const path = join(folder, name)
  await mkdir(path)
  await writeFile(join(path, 'config.toml'), '[network]\nallow_private = true\n')
  return ['--home', path]
}

test('the package holds compiled product and nothing else', async (t) => {
  if (!needsPackage(t)) return
  const files = globSync('**/*.*', { cwd: installed })
  const foreign = files.filter(
    (path) => !/^(package\.json|README\.md|dist\/(src|contracts)\/.*\.js)$/.test(path),
  )
  deepEqual(foreign, [])
  deepEqual(
    files.filter((path) => /\.test\.|\.child\.|fixture|attackers/.test(path)),
    [],
  )
  const neighbours = globSync('*', { cwd: dirname(installed) })
  for (const name of ['node', 'typescript', 'fast-check'])
    ok(!neighbours.includes(name), `${name} came along`)
})

test('every worker and child of the compiled code lies beside its caller', async (t) => {
  if (!needsPackage(t)) return
  const found: string[] = []
  for (const path of globSync('dist/src/**/*.js', { cwd: installed })) {
    const text = await readFile(join(installed, path), 'utf8')
    for (const [, name] of text.matchAll(/siblingUrl\('([^']+)'/g)) {
      await access(join(installed, dirname(path), `${name}.js`))
      found.push(name!)
    }
  }
  deepEqual(found.sort(), ['../main', './anvil-guard', './hash-worker', './store-worker', './wallet-worker'])
})

test('the installed command says what it can do', async (t) => {
  if (!needsPackage(t)) return
  await using help = await tallyswarm('--help')
  equal(await help.exit(RUN_TIMEOUT_MS), 0)
  match(help.tail(), /^Usage: tallyswarm/)
})

for (const protocol of ['bt', 'http']) {
  test(`the installed command shares and gets over loopback: ${protocol}`, async (t) => {
    if (!needsPackage(t)) return
    const data = join(folder, `${protocol}.bin`)
    const torrent = `${data}.torrent`
    const listen = ['--host', '127.0.0.1', '--port', '0', '--http-port', '0', '--no-discovery']
    await writeSeededFile(data, protocol, FILE_BYTES)
    await using seeder = await tallyswarm(
      ...['share', data, '--torrent-out', torrent, ...listen, ...(await home(`${protocol}-seeder`))],
    )
    const ready = await seeder.line(/^BENCH_READY/, RUN_TIMEOUT_MS)
    const [, peers, http] = /peers on (\d+), http on (\d+)/.exec(ready)!
    const from =
      protocol === 'bt' ? ['--peer', `127.0.0.1:${peers}`] : ['--source', `http://127.0.0.1:${http}`]
    const out = join(folder, `${protocol}-out`)
    await using getter = await tallyswarm(
      ...['get', torrent, '--out', out, ...from, '--no-discovery', ...(await home(`${protocol}-getter`))],
    )
    equal(await getter.exit(RUN_TIMEOUT_MS), 0, getter.tail())
    deepEqual(await differences(data, join(out, `${protocol}.bin`)), [])
  })
}

test('a Node that is too old says so', async (t) => {
  if (!needsPackage(t)) return
  for (const path of (process.env['PATH'] ?? '').split(delimiter)) {
    const node = join(path, 'node')
    const major = Number(/^v(\d+)\./.exec((await outputOf(node, ['--version'])) ?? '')?.[1])
    if (!(major < 24)) continue
    await using old = await startProcess(node, [join(installed, 'dist', 'src', 'cli', 'main.js'), '--help'])
    equal(await old.exit(RUN_TIMEOUT_MS), 2)
    match(old.tail(), /^Tallyswarm needs Node 24 or newer, this is \d+/)
    return
  }
  t.skip('ABSENT: a Node older than 24 on the PATH')
})
