/**
 * Says why a seller's offer was refused, once for each reason: a download that waits for a source it will not pay
 * looks like one that is slow.
 *
 * @module
 */
import type { Purchase } from '../money/buyer.ts'
import type { BuyerTerms } from '../tally/terms.ts'

/** Refuses every offer: nobody said that anything may be spent. */
const noTerms: BuyerTerms = {
  judge: async () => ({ ok: false, reason: 'no price is allowed' }),
  pay: async () => ({ payment: new Uint8Array(0), totalWei: 0n }),
  finished: () => undefined,
}

/** The terms of `purchase`, or those of somebody who pays nothing. */
export function explainedTerms(
  purchase: Purchase | undefined,
  log: (line: string) => void,
): () => BuyerTerms {
  const said = new Set<string>()
  return () => {
    const terms = purchase?.terms() ?? noTerms
    return {
      judge: async (quote) => {
        const verdict = await terms.judge(quote)
        if (!verdict.ok && !said.has(verdict.reason)) {
          said.add(verdict.reason)
          log(`a seller's offer was refused: ${verdict.reason} (see --max-price and money.spend_max_wei)`)
        }
        return verdict
      },
      pay: (digest, bytes) => terms.pay(digest, bytes),
      finished: () => terms.finished(),
    }
  }
}
