/**
 * For tests of money: a dev chain with our contracts, and people on it with funded wallets and folders of their own.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
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
import { openWallet, type Wallet } from './wallet.ts'

const FUNDS_WEI = 100n * 10n ** 18n

export type TestChain = AsyncDisposable & {
  readonly chain: DevChain
  readonly network: Network
  /** A folder that goes away with the chain. */
  folder(): Promise<string>
  person(options?: Partial<PersonOptions>): Promise<MoneyParts & AsyncDisposable>
  /** Seconds and blocks go by. */
  pass(seconds: number, chainBlocks: number): Promise<void>
}
type PersonOptions = Omit<SettlerOptions, 'dir'> & {
  readonly dir: string
  readonly secretKey: Uint8Array
  readonly url: string
  readonly wrap: (driver: Driver) => Driver
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
  const newWallet = async (key: Uint8Array): Promise<Wallet> => {
    const wallet = openWallet(key)
    await chain.fund(wallet.address, FUNDS_WEI)
    return wallet
  }
  await using deployer = await newWallet(systemRandom.bytes(32))
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
    person: async ({
      dir,
      secretKey,
      url = chain.url,
      wrap = (driver: Driver) => driver,
      ...settling
    } = {}) => {
      const own = new AsyncDisposableStack()
      const wallet = own.use(await newWallet(secretKey ?? systemRandom.bytes(32)))
      const driver = wrap(own.use(createEvmDriver({ url, network, timeoutMs: 5_000 }, { wallet })))
      const home = dir ?? (await folder())
      const settler = own.use(
        await openSettler(
          { dir: home, pollMs: 10, backoffMinMs: 20, ...settling },
          { driver, clock: systemClock },
        ),
      )
      const parts = { wallet, driver, settler, clock: systemClock, random: systemRandom, dir: home }
      return { ...parts, [Symbol.asyncDispose]: () => own.disposeAsync() }
    },
    pass: async (seconds, chainBlocks) => {
      await chain.rpc('evm_increaseTime', [seconds])
      await chain.rpc('anvil_mine', [`0x${chainBlocks.toString(16)}`])
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
