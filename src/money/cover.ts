/**
 * How far a seller may serve: what the allocation on chain covers, else one window.
 *
 * Source: design section 5 ("a payee serves against its own confirmed, non-closing allocation, else for one
 * window").
 *
 * @module
 */
import type { AllocationView } from './driver.ts'
import { bytesCovered, greater, lesser } from './wei.ts'

export type CoverInput = {
  /** The allocation last seen confirmed; undefined when none ever was. */
  readonly allocation: AllocationView | undefined
  /** What the channel's other lanes have promised us of that allocation. */
  readonly otherLanesWei: bigint
  readonly priceWeiPerMib: bigint
  /** What the buyer's best voucher of this session is for. */
  readonly tallyBytes: bigint
  /** Whether this session may use the channel's one free window. */
  readonly mayUseFreeWindow: boolean
  /** The window of the quote. */
  readonly freeWindowBytes: number
}

const BYTES_MAX = 1n << 62n

/** Bytes of this session whose price the chain stands behind. */
export function coveredBytes({ allocation, otherLanesWei, priceWeiPerMib }: CoverInput): bigint {
  if (allocation === undefined) return 0n
  const left = allocation.amountWei - otherLanesWei
  return left <= 0n ? 0n : bytesCovered(left, priceWeiPerMib, BYTES_MAX)
}

/** Bytes that are both promised and covered: what may be called paid. */
export function paidBytes(input: CoverInput): bigint {
  return lesser(input.tallyBytes, coveredBytes(input))
}

/**
 * How many bytes beyond `reportedPaidBytes` (what the link was told last) may be served now. The session's
 * total never exceeds what is covered, or one window where nothing is; and never what is paid plus the
 * present window.
 */
export function servableBytes(input: CoverInput, reportedPaidBytes: bigint, windowBytes: number): number {
  if (input.allocation?.closing === true) return 0
  const covered = coveredBytes(input)
  const free = input.mayUseFreeWindow ? BigInt(input.freeWindowBytes) : 0n
  const limit = greater(covered, free)
  const servable = lesser(limit, paidBytes(input) + BigInt(windowBytes)) - reportedPaidBytes
  return servable <= 0n ? 0 : Number(lesser(servable, BigInt(Number.MAX_SAFE_INTEGER)))
}
