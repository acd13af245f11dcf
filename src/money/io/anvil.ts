/**
 * The embedded dev chain: anvil from the npm package, on 127.0.0.1, with its state in a folder of ours.
 *
 * It ends with this process in every case (`anvil-guard.ts`). Its genesis hash depends on the second it was
 * first started, so two dev chains rarely share one; with a folder, the chain and its genesis stay across
 * restarts.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CodedError } from '../../base/errors.ts'
import { siblingUrl } from '../../base/io/sibling.ts'
import type { EvmAddress } from '../address.ts'

export const DEV_CHAIN_ID = 98_765
const START_TIMEOUT_MS = 20_000
const OUTPUT_CHARS_MAX = 16_384

export type DevChainOptions = {
  /** Keeps its state here; in memory when absent. */
  readonly dir?: string
  readonly chainId?: number
  /** 0, the default: any free port. */
  readonly port?: number
  /** Seconds between blocks; a block per transaction when absent. */
  readonly blockTimeS?: number
}

export type DevChain = AsyncDisposable & {
  readonly url: string
  readonly chainId: number
  /** Gives coins to an address at once. */
  fund(address: EvmAddress, amountWei: bigint): Promise<void>
  /** Anvil's own methods (`anvil_mine`, `evm_increaseTime` …), for tests. */
  rpc(method: string, params: readonly unknown[]): Promise<unknown>
}

/** @throws {CodedError<'DEV_CHAIN_MISSING' | 'DEV_CHAIN_FAILED'>} */
export async function startDevChain(options: DevChainOptions = {}): Promise<DevChain> {
  const chainId = options.chainId ?? DEV_CHAIN_ID
  const child = spawnGuarded(options, chainId)
  const url = await listening(child).catch((cause: unknown) => {
    child.stdin?.end()
    throw cause
  })
  const rpc = (method: string, params: readonly unknown[]) => callRpc(url, method, params)
  return {
    url,
    chainId,
    rpc,
    fund: async (address, amountWei) => {
      const balance = BigInt((await rpc('eth_getBalance', [address, 'latest'])) as string)
      await rpc('anvil_setBalance', [address, `0x${(balance + amountWei).toString(16)}`])
    },
    [Symbol.asyncDispose]: () => ended(child),
  }
}

function spawnGuarded(options: DevChainOptions, chainId: number): ChildProcess {
  const args = ['--host', '127.0.0.1', '--port', String(options.port ?? 0), '--chain-id', String(chainId)]
  args.push('--accounts', '1', '--no-cors')
  if (options.blockTimeS !== undefined) args.push('--block-time', String(options.blockTimeS))
  if (options.dir !== undefined) {
    mkdirSync(options.dir, { recursive: true, mode: 0o700 })
    args.push('--state', join(options.dir, 'anvil-state.json'), '--state-interval', '10')
  }
  const guard = fileURLToPath(siblingUrl('./anvil-guard', import.meta.url))
  return spawn(process.execPath, [guard, anvilBinary(), ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
}

/** The platform package's binary itself: the npm wrapper would be one process more. */
function anvilBinary(): string {
  const platform = { linux: 'linux', darwin: 'darwin', win32: 'win32' }[process.platform as string]
  const cpu = { x64: 'amd64', arm64: 'arm64' }[process.arch as string]
  const require = createRequire(createRequire(import.meta.url).resolve('@foundry-rs/anvil/package.json'))
  try {
    const manifest = require.resolve(`@foundry-rs/anvil-${platform}-${cpu}/package.json`)
    return join(dirname(manifest), 'bin', process.platform === 'win32' ? 'anvil.exe' : 'anvil')
  } catch (cause) {
    const message = `anvil has no binary for ${process.platform} ${process.arch}: configure a JSON-RPC URL`
    throw new CodedError('DEV_CHAIN_MISSING', message, { cause })
  }
}

/** Resolves to the URL when anvil prints it; keeps reading afterwards so that the pipe never fills. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    const fail = (why: string) => {
      clearTimeout(timer)
      reject(new CodedError('DEV_CHAIN_FAILED', `anvil ${why}: ${output.slice(-500)}`))
    }
    const timer = setTimeout(() => fail('did not start in time'), START_TIMEOUT_MS)
    child.once('error', (error) => fail(error.message))
    child.once('exit', () => fail('ended'))
    child.stderr?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-OUTPUT_CHARS_MAX)
    })
    child.stdout?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-OUTPUT_CHARS_MAX)
      const address = /Listening on (127\.0\.0\.1:\d+)/.exec(output)?.[1]
      if (address === undefined) return
      clearTimeout(timer)
      child.stdout?.removeAllListeners('data').resume()
      resolve(`http://${address}`)
    })
  })
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.stdin?.end()
  await exit
}

async function callRpc(url: string, method: string, params: readonly unknown[]): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(START_TIMEOUT_MS),
  })
  const { result, error } = (await response.json()) as { result?: unknown; error?: { message: string } }
  if (error !== undefined) throw new CodedError('DEV_CHAIN_FAILED', `${method}: ${error.message}`)
  return result
}
