// Goal: wallet commands on a real development chain: import, show, send, and refusals that lose nothing.
import { equal, match, ok } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
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
  Record<'address' | 'hash' | 'balanceWei', string>
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

    const typo = OTHER.replace('C8', 'c8')
    equal((await run('wallet', 'send', typo, '1', '--home', home)).code, 1)
    equal((await run('wallet', 'send', OTHER, '1.5', '--home', home)).document.error.code, 'BAD_AMOUNT')
    await writeFile(join(home, 'config.toml'), `[money]\nrpc_url = "${chain.url}"\nchain_id = 1\n`)
    equal((await run('wallet', 'show', '--home', home)).document.error.code, 'CHAIN_WRONG')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
