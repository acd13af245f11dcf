/** Deployment (being written: the signature is what counts). @module */
import type { Network } from '../../driver.ts'
import type { Wallet } from '../wallet.ts'
import type { EvmChain } from './chain.ts'

/** Deploys both contracts at addresses that follow from the chain alone; finds them when they are there already. */
export async function deployContracts(
  _chain: EvmChain,
  _parts: { readonly wallet: Wallet },
  _options: { readonly closeDelayS?: number },
): Promise<Network> {
  throw new Error('being written')
}
