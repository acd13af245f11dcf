/** Settler (being written: the signature is what counts). @module */
import type { Clock } from '../../base/world.ts'
import type { Action, Driver } from '../driver.ts'

export type SettlementStatus = {
  readonly waiting: number
  readonly confirmed: number
  readonly failed: number
  readonly feesWei: bigint
  readonly retryAtMs?: number
}
export type Settler = AsyncDisposable & {
  /** Journals the action; resolves to the transaction's hash when confirmed. Rejects `SETTLEMENT_FAILED` for ever. */
  settle(id: string, action: Action): Promise<{ readonly hash: string }>
  readonly status: () => SettlementStatus
}
export async function openSettler(
  _options: { readonly dir: string },
  _parts: { readonly driver: Driver; readonly clock: Clock },
): Promise<Settler> {
  throw new Error('being written')
}
