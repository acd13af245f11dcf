/** EVM driver (being written: the signature is what counts). @module */
import type { Driver, Network } from '../../driver.ts'
import type { Wallet } from '../wallet.ts'

/** Needs no chain to start when `network` is known (keep it in the home folder). */
export function createEvmDriver(
  _settings: {
    readonly url: string
    readonly network: Network
    readonly timeoutMs?: number
    readonly confirmations?: number
  },
  _parts: { readonly wallet: Wallet },
): Driver {
  throw new Error('being written')
}
