/**
 * The last thing a selling node does: claims what it is owed, within a bound; what cannot be claimed now stays
 * journalled and is claimed at the next start.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../base/errors.ts'
import { systemClock } from '../base/io/system.ts'
import type { Node } from './node.ts'

const SETTLE_TIMEOUT_MS = 15_000
/** Last vouchers are still being judged when connections have closed. */
const SESSIONS_TIMEOUT_MS = 3_000
const SESSIONS_POLL_MS = 20

/** Call when the shares are disposed: then every voucher that will come has come. */
export async function settleBeforeStop({ money, options }: Node): Promise<void> {
  const seller = money?.seller
  if (!seller) return
  const endMs = systemClock.monotonicMs() + SESSIONS_TIMEOUT_MS
  while (seller.status().sessions > 0 && systemClock.monotonicMs() < endMs) await sleep(SESSIONS_POLL_MS)
  if (seller.status().channels === 0) return
  try {
    await seller.settle({ signal: AbortSignal.timeout(SETTLE_TIMEOUT_MS) })
  } catch (error) {
    const { unclaimedWei } = seller.status()
    options.log(
      `${unclaimedWei} wei are not claimed yet (${messageOf(error)}): "wallet settle" or the next start will`,
    )
  }
}
