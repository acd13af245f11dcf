/** Buyer (being written: the signature is what counts). @module */
import type { Clock, Random } from '../../base/world.ts'
import type { Buyer, BuyerSettings } from '../buyer.ts'
import type { Driver } from '../driver.ts'
import type { Settler } from './settler.ts'
import type { Wallet } from './wallet.ts'

export type BuyerParts = {
  readonly wallet: Wallet
  readonly driver: Driver
  readonly settler: Settler
  readonly clock: Clock
  readonly random: Random
  /** Folder for what was promised; one per wallet and chain. */
  readonly dir: string
}
export async function createBuyer(_settings: Partial<BuyerSettings>, _parts: BuyerParts): Promise<Buyer> {
  throw new Error('being written')
}
