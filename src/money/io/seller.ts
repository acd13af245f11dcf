/** Seller (being written: the signature is what counts). @module */
import type { Clock, Random } from '../../base/world.ts'
import type { Driver } from '../driver.ts'
import type { Seller, SellerSettings } from '../seller.ts'
import type { Settler } from './settler.ts'
import type { Wallet } from './wallet.ts'

export type SellerParts = {
  readonly wallet: Wallet
  readonly driver: Driver
  readonly settler: Settler
  readonly clock: Clock
  readonly random: Random
  /** Folder for lanes and vouchers; one per wallet and chain. */
  readonly dir: string
}
export async function createSeller(_settings: Partial<SellerSettings>, _parts: SellerParts): Promise<Seller> {
  throw new Error('being written')
}
