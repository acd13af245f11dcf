/**
 * What was promised in vouchers, read from the tallies they came with.
 *
 * @module
 */
import type { EvmAddress } from '../money/address.ts'
import { decodeVoucher } from '../money/voucher.ts'
import type { StoredSession } from '../tally/store.ts'

export type Promised = { readonly channel: Uint8Array; readonly wei: bigint }

/** By payee; each session has a lane of its own, so the newest vouchers add up. */
export function paymentsOf(sessions: readonly StoredSession[]): Map<EvmAddress, Promised> {
  const promised = new Map<EvmAddress, Promised>()
  for (const { newest } of sessions) {
    if (!newest?.payment) continue
    const { payee, channel, cumulativeWei } = decodeVoucher(newest.payment)
    promised.set(payee, { channel, wei: (promised.get(payee)?.wei ?? 0n) + cumulativeWei })
  }
  return promised
}
