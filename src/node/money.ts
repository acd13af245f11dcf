/**
 * The node's money: wallet, chain, seller and buyer, opened only when there is a price on either side.
 *
 * Which chain it is (id, genesis, contracts) is kept in HOME/network.json, so that a node starts, serves and buys
 * within what it last saw confirmed while the chain is down.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromHex, toHex } from '../base/bytes.ts'
import { CodedError, codeOf } from '../base/errors.ts'
import { systemClock, systemRandom } from '../base/io/system.ts'
import { type EvmAddress, parseAddress } from '../money/address.ts'
import type { Buyer } from '../money/buyer.ts'
import type { Driver } from '../money/driver.ts'
import { createBuyer } from '../money/io/buyer.ts'
import { connectEvm } from '../money/io/evm/chain.ts'
import { deployContracts } from '../money/io/evm/deploy.ts'
import { createEvmDriver } from '../money/io/evm/driver.ts'
import { createSeller } from '../money/io/seller.ts'
import { openSettler, type Settler } from '../money/io/settler.ts'
import { openWallet, type Wallet } from '../money/io/wallet.ts'
import type { Network } from '../money/network.ts'
import type { Seller } from '../money/seller.ts'
import type { Config } from './config.ts'
import type { Home } from './home.ts'
import { type Keys, writePrivately } from './keys.ts'

export type Money = AsyncDisposable & {
  readonly wallet: Wallet
  readonly driver: Driver
  readonly settler: Settler
  readonly seller: Seller
  readonly buyer: Buyer
}

const NETWORK_FILE = 'network.json'

type NetworkFile = { chainId: number; genesis: string; channels: string; batchPay: string }

async function savedNetwork(home: Home): Promise<Network | undefined> {
  try {
    const file = JSON.parse(await readFile(join(home.path, NETWORK_FILE), 'utf8')) as NetworkFile
    return {
      chainId: file.chainId,
      genesis: fromHex(file.genesis),
      channels: parseAddress(file.channels),
      batchPay: parseAddress(file.batchPay),
    }
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined
    throw new CodedError('BAD_NETWORK', `${NETWORK_FILE} in ${home.path} is damaged; delete it`, { cause })
  }
}

/** A balance, for looking: deploys nothing and spends nothing, whatever is on the chain. */
export async function balanceOf(settings: Config['money'], address: EvmAddress): Promise<bigint> {
  const chain = await connectEvm({ url: settings.rpc_url, chainId: settings.chain_id })
  return chain.ask((client) => client.getBalance({ address }))
}

/** Whether this home has dealt before: contracts are known. */
export const hasDealt = async (home: Home): Promise<boolean> => (await savedNetwork(home)) !== undefined

/** Asks the chain who it is; falls back to what was last seen when it does not answer. */
async function networkOf(settings: Config['money'], home: Home, wallet: Wallet): Promise<Network> {
  const saved = await savedNetwork(home)
  try {
    const chain = await connectEvm({ url: settings.rpc_url, chainId: settings.chain_id })
    const sameChain = saved !== undefined && toHex(saved.genesis) === toHex(chain.genesis)
    const configured =
      settings.channel_contract !== '' && settings.batch_pay_contract !== ''
        ? {
            chainId: chain.chainId,
            genesis: chain.genesis,
            channels: parseAddress(settings.channel_contract),
            batchPay: parseAddress(settings.batch_pay_contract),
          }
        : undefined
    const network = configured ?? (sameChain ? saved : await deployContracts(chain, { wallet }))
    const file: NetworkFile = { ...network, genesis: toHex(network.genesis) }
    await writePrivately(join(home.path, NETWORK_FILE), `${JSON.stringify(file, null, 2)}\n`)
    return network
  } catch (error) {
    if (codeOf(error) === 'CHAIN_UNREACHABLE' && saved !== undefined) return saved
    throw error
  }
}

/** @throws {CodedError} when the chain is the wrong one, or unreachable and never seen before */
export async function openMoney(settings: Config['money'], home: Home, keys: Keys): Promise<Money> {
  await using opened = new AsyncDisposableStack()
  const wallet = opened.use(openWallet(await keys.wallet()))
  const network = await networkOf(settings, home, wallet)
  const driver = opened.use(createEvmDriver({ url: settings.rpc_url, network }, { wallet }))
  const dir = join(home.path, 'money', toHex(network.genesis).slice(0, 16))
  const settler = opened.use(await openSettler({ dir }, { driver, clock: systemClock }))
  const parts = { wallet, driver, settler, clock: systemClock, random: systemRandom, dir }
  const seller = opened.use(
    await createSeller(
      { priceWeiPerMib: settings.price_wei_per_mib, claimThresholdWei: settings.settle_threshold_wei },
      parts,
    ),
  )
  const buyer = opened.use(await createBuyer({ budgetWei: settings.spend_max_wei }, parts))
  const stack = opened.move()
  return { wallet, driver, settler, seller, buyer, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}
