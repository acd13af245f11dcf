/**
 * The last thing a selling node does: claims what it is owed, within a bound; what cannot be claimed now stays
 * journalled and is claimed at the next start.
 *
 * @module
 */
import { messageOf } from '../base/errors.ts'
import type { Node } from './node.ts'

const SETTLE_TIMEOUT_MS = 15_000

export async function settleBeforeStop({ money, options }: Node): Promise<void> {
  const seller = money?.seller
  if (!seller || seller.status().unclaimedWei === 0n) return
  try {
    await seller.settle({ signal: AbortSignal.timeout(SETTLE_TIMEOUT_MS) })
  } catch (error) {
    const { unclaimedWei } = seller.status()
    options.log(
      `${unclaimedWei} wei are not claimed yet (${messageOf(error)}): "wallet settle" or the next start will`,
    )
  }
}
