/**
 * What a seller or buyer is made of.
 *
 * @module
 */
import type { Clock, Random } from '../../base/world.ts'
import type { Driver } from '../driver.ts'
import type { Settler } from './settler.ts'
import type { Wallet } from './wallet.ts'

/** A seller and a buyer of one node share all of it. */
export type MoneyParts = {
  readonly wallet: Wallet
  readonly driver: Driver
  readonly settler: Settler
  readonly clock: Clock
  readonly random: Random
  /** Folder of the journals; one per wallet and chain. */
  readonly dir: string
}
