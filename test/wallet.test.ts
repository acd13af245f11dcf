// Goal: wallet commands on a real development chain: import, show, send, refusals that lose nothing; and a paid
// download between two homes whose rest of the deposit comes back.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseAddress } from '../src/money/address.ts'
import { startDevChain } from '../src/money/io/anvil.ts'

const MAIN = join(import.meta.dirname, '..', 'src', 'cli', 'main.ts')
// The well-known first development key and its address (EIP-55), from anvil's own output.
const KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
const ADDRESS = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'
const OTHER = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'

type Document = { readonly error: { readonly code: string } } & Readonly<
  Record<'address' | 'hash' | 'balanceWei' | 'claimedWei' | 'depositWei' | 'state', string>
>
type Result = { readonly code: number; readonly document: Document }

function run(...args: string[]): Promise<Result> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args, '--json'], (error, stdout) => {
      resolve({ code: error ? Number(error.code) : 0, document: JSON.parse(stdout) })
    })
  })
}

test('import, show, send, refuse', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tsw-wallet-'))
  try {
    await using chain = await startDevChain()
    const home = join(folder, 'home')
    await mkdir(home)
    await writeFile(join(home, 'config.toml'), `[money]\nrpc_url = "${chain.url}"\n`)
    for (const bad of ['0x00', 'zz', '0'.repeat(64), 'f'.repeat(64)]) {
      await writeFile(join(folder, 'key'), bad)
      equal(
        (await run('wallet', 'import', join(folder, 'key'), '--home', home)).document.error.code,
        'BAD_KEY',
      )
    }
    await writeFile(join(folder, 'key'), `${KEY}\n`)
    const imported = await run('wallet', 'import', join(folder, 'key'), '--home', home)
    equal(imported.document.address, ADDRESS)
    equal((await run('wallet', 'new', '--home', home)).document.error.code, 'WALLET_EXISTS')

    await chain.fund(parseAddress(ADDRESS), 10n ** 18n)
    const sent = await run('wallet', 'send', OTHER, '12345', '--home', home)
    equal(sent.code, 0)
    match(sent.document.hash, /^0x[0-9a-f]{64}$/)
    const held = BigInt((await chain.rpc('eth_getBalance', [OTHER, 'latest'])) as string)
    equal(held % 10n ** 18n, 12345n)
    const shown = await run('wallet', 'show', '--home', home)
    ok(BigInt(shown.document.balanceWei) > 0n)

    equal((await run('wallet', 'close', '--home', home)).document.error.code, 'NO_CHANNEL')
    const typo = OTHER.replace('C8', 'c8')
    equal((await run('wallet', 'send', typo, '1', '--home', home)).code, 2)
    equal((await run('wallet', 'send', OTHER, '1.5', '--home', home)).document.error.code, 'USAGE')
    await writeFile(join(home, 'config.toml'), `[money]\nrpc_url = "${chain.url}"\nchain_id = 1\n`)
    equal((await run('wallet', 'show', '--home', home)).document.error.code, 'CHAIN_WRONG')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

const PRICE_WEI = 10n ** 12n
const MIB = 6

test('a paid download, and the deposit comes back', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tsw-paid-'))
  const [buyer, seller] = [join(folder, 'buyer'), join(folder, 'seller')]
  try {
    await using chain = await startDevChain()
    for (const home of [buyer, seller]) {
      await mkdir(home)
      await writeFile(
        join(home, 'config.toml'),
        `[money]\nrpc_url = "${chain.url}"\nspend_max_wei = "${100n * PRICE_WEI}"\n`,
      )
      const { address } = (await run('wallet', 'new', '--home', home)).document
      await chain.fund(parseAddress(address), 10n ** 18n)
    }
    const data = randomBytes(MIB * 2 ** 20)
    await writeFile(join(folder, 'paid.bin'), data)
    const torrent = join(folder, 'paid.torrent')
    const args = ['share', join(folder, 'paid.bin'), '--torrent-out', torrent, '--price', String(PRICE_WEI)]
    const sharing = spawn(
      process.execPath,
      [
        MAIN,
        ...args,
        '--home',
        seller,
        '--host',
        '127.0.0.1',
        '--port',
        '0',
        '--http-port',
        '0',
        '--no-discovery',
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const port = await new Promise<string>((resolve) => {
      let text = ''
      sharing.stdout.on('data', (chunk) => {
        text += chunk
        const found = /^BENCH_READY peers on (\d+)/m.exec(text)
        if (found) resolve(found[1]!)
      })
    })
    const out = join(folder, 'out')
    const refused = spawn(process.execPath, [
      ...[
        MAIN,
        'get',
        torrent,
        '--out',
        out,
        '--home',
        buyer,
        '--peer',
        `127.0.0.1:${port}`,
        '--no-discovery',
      ],
    ])
    await new Promise<void>((resolve) => {
      let text = ''
      refused.stderr.on('data', (chunk) => {
        text += chunk
        if (/offer was refused: no price is allowed/.test(text)) resolve()
      })
      refused.once('exit', () => resolve())
    })
    equal(refused.exitCode, null, 'it says why it gets nothing, and goes on looking')
    const ended = new Promise((resolve) => refused.once('exit', resolve))
    refused.kill('SIGTERM')
    equal(await ended, 1)
    const got = await run(
      ...['get', torrent, '--out', out, '--home', buyer, '--peer', `127.0.0.1:${port}`, '--no-discovery'],
      ...['--max-price', String(PRICE_WEI)],
    )
    equal(got.code, 0)
    deepEqual(await readFile(join(out, 'paid.bin')), data)
    const stopped = new Promise((resolve) => sharing.once('exit', resolve))
    sharing.kill('SIGTERM')
    equal(await stopped, 0)
    // Stopping claims within a bound; what a loaded machine left over is claimed now.
    equal((await run('wallet', 'settle', '--home', seller)).code, 0)

    const closing = await run('wallet', 'close', '--home', buyer)
    equal(closing.document.state, 'closing')
    equal(BigInt(closing.document.claimedWei), BigInt(MIB) * PRICE_WEI)
    ok(BigInt(closing.document.depositWei) > BigInt(closing.document.claimedWei))
    equal((await run('wallet', 'close', '--home', buyer)).code, 1) // neither delay nor blocks have passed
    await chain.rpc('evm_increaseTime', [2 * 86_400])
    await chain.rpc('anvil_mine', ['0x101'])
    const before = BigInt((await run('wallet', 'show', '--home', buyer)).document.balanceWei)
    equal((await run('wallet', 'close', '--home', buyer)).document.state, 'closed')
    ok(BigInt((await run('wallet', 'show', '--home', buyer)).document.balanceWei) > before - 10n ** 15n)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})
