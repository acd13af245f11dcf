/**
 * For tests of money: a dev chain with our contracts, and people on it with funded wallets and folders of
 * their own.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemRandom } from '../../base/io/system.ts'
import type { Driver } from '../driver.ts'
import type { Network } from '../network.ts'
import { type DevChain, startDevChain } from './anvil.ts'
import { connectEvm } from './evm/chain.ts'
import { deployContracts } from './evm/deploy.ts'
import { createEvmDriver } from './evm/driver.ts'
import type { MoneyParts } from './parts.ts'
import { openSettler, type SettlerOptions } from './settler.ts'
import { openWallet } from './wallet.ts'

/** What children of the crash tests sell. */
export const PRICE_WEI_PER_MIB = 1_000_003n
export const SOLD_BYTES = 3n << 20n
const FUNDS_WEI = 100n * 10n ** 18n

export type TestPerson = MoneyParts & AsyncDisposable
export type TestChain = AsyncDisposable & {
  readonly chain: DevChain
  readonly network: Network
  /** A folder that goes away with the chain. */
  folder(): Promise<string>
  /** With coins, a new key and a new folder unless given. */
  person(options?: Partial<PersonOptions>): Promise<TestPerson>
  /** Seconds and blocks go by. */
  pass(seconds: number, chainBlocks: number): Promise<void>
}
export type PersonOptions = Omit<SettlerOptions, 'dir'> & {
  readonly dir: string
  readonly secretKey: Uint8Array
  readonly url: string
  readonly network: Network
  readonly wrap?: (driver: Driver) => Driver
}

/** Somebody's wallet, driver and settler. */
export async function openPerson(options: PersonOptions): Promise<TestPerson> {
  const { dir, secretKey, url, network, wrap = (driver: Driver) => driver, ...settling } = options
  const own = new AsyncDisposableStack()
  const wallet = own.use(openWallet(secretKey))
  const driver = wrap(own.use(createEvmDriver({ url, network, timeoutMs: 5_000 }, { wallet })))
  const quick = { pollMs: 10, backoffMinMs: 20, ...settling }
  const settler = own.use(await openSettler({ dir, ...quick }, { driver, clock: systemClock }))
  const parts = { wallet, driver, settler, clock: systemClock, random: systemRandom, dir }
  return { ...parts, [Symbol.asyncDispose]: () => own.disposeAsync() }
}

export async function startTestChain({
  closeDelayS = 60,
}: {
  closeDelayS?: number
} = {}): Promise<TestChain> {
  const stack = new AsyncDisposableStack()
  const chain = stack.use(await startDevChain())
  const folders: string[] = []
  stack.defer(async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true })
  })
  await using deployer = openWallet(systemRandom.bytes(32))
  await chain.fund(deployer.address, FUNDS_WEI)
  const network = await deployContracts(await connectEvm(chain), { wallet: deployer }, { closeDelayS })
  const folder = async () => {
    const path = await mkdtemp(join(tmpdir(), 'tallyswarm-money-'))
    folders.push(path)
    return path
  }
  return {
    chain,
    network,
    folder,
    person: async (options = {}) => {
      const secretKey = options.secretKey ?? systemRandom.bytes(32)
      const dir = options.dir ?? (await folder())
      const person = await openPerson({ url: chain.url, network, ...options, secretKey, dir })
      await chain.fund(person.wallet.address, FUNDS_WEI)
      return person
    },
    pass: async (seconds, chainBlocks) => {
      await chain.rpc('evm_increaseTime', [seconds])
      await chain.rpc('anvil_mine', [`0x${chainBlocks.toString(16)}`])
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** Where a test may kill a process: before and after each thing a settler asks of its driver. */
export type KillPoint =
  | 'prepare'
  | 'prepared'
  | 'send'
  | 'sent'
  | 'outcome'
  | 'confirmed'
  | 'acknowledged'
  | 'none'

/** A driver whose process is killed, as by `kill -9`, at one point. */
export function killingAt(point: KillPoint): (driver: Driver) => Driver {
  const reach = (reached: KillPoint) => {
    if (reached === point) process.kill(process.pid, 'SIGKILL')
  }
  return (driver) => ({
    ...driver,
    health: driver.health,
    prepare: async (action, options) => {
      reach('prepare')
      const submission = await driver.prepare(action, options)
      reach('prepared')
      return submission
    },
    send: async (submission) => {
      reach('send')
      await driver.send(submission)
      reach('sent')
    },
    outcome: async (submissions) => {
      reach('outcome')
      const outcome = await driver.outcome(submissions)
      if (outcome.status === 'confirmed') reach('confirmed')
      return outcome
    },
  })
}

export type CuttableWay = AsyncDisposable & { readonly url: string; mode: 'up' | 'cut' | 'nonsense' }

/** A way to the chain that can be cut: connections are refused, or answered with nonsense. */
export async function cuttableWay(chainUrl: string): Promise<CuttableWay> {
  const server: Server = createServer((incoming, outgoing) => {
    if (way.mode === 'cut') return void incoming.socket.destroy()
    if (way.mode === 'nonsense') return void outgoing.end('<html>502</html>')
    const through = request(chainUrl, { method: 'POST', headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    through.on('error', () => outgoing.destroy())
    incoming.pipe(through)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const way = {
    mode: 'up' as 'up' | 'cut' | 'nonsense',
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => {
      server.closeAllConnections()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
  return way
}
