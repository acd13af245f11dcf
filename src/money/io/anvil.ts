/** Dev chain (being written: the signature is what counts). @module */
import type { EvmAddress } from '../address.ts'

export type DevChain = AsyncDisposable & {
  readonly url: string
  readonly chainId: number
  /** Gives coins to an address at once. */
  fund(address: EvmAddress, amountWei: bigint): Promise<void>
}
export async function startDevChain(_options: {
  /** Keeps its state here; in memory when absent. */
  readonly dir?: string
  readonly chainId?: number
  readonly port?: number
}): Promise<DevChain> {
  throw new Error('being written')
}
