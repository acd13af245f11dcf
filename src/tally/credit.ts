/**
 * What a verified tally changes on the books: decisions as values, for whoever keeps the books.
 *
 * Source: design section 3, "Order is bytes" and "Double entry". The greatest tally of a session counts, its difference
 * is credited, nothing is ever lowered. Every decision's postings sum to zero.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { bytesEqual } from '../base/bytes.ts'
import type { BlockNumbering } from './block-numbering.ts'
import type { Run } from './link.ts'
import type { RunSet } from './runs.ts'

/** Download grants per (receiver, share) in 30 days. */
export const GRANTS_MAX = 3
export const GRANT_SLACK_BYTES = 2n ** 24n
const GRANT_PERCENT = 105n

/** What is kept of a session: its greatest tally. */
export type SessionRow = { readonly bytes: bigint; readonly blocks: Uint8Array }

/** One line of double entry; a decision's lines sum to zero. */
export type Posting = { readonly account: string; readonly bytes: bigint }

export type CreditInput = {
  readonly tally: SessionRow
  readonly row: SessionRow | undefined
  readonly sender: string
  readonly receiver: string
  /** Debits of this receiver for this share that count against its cap so far. */
  readonly debitedBytes: bigint
  readonly capBytes: bigint
}

export type CreditDecision =
  | {
      readonly kind: 'credited'
      readonly creditedBytes: bigint
      /** Debited, but kept for review: above the receiver's cap. */
      readonly heldBytes: bigint
      /** What the receiver's cap still covers. */
      readonly remainingBytes: bigint
      readonly row: SessionRow
      readonly debitBytes: bigint
      readonly postings: readonly Posting[]
    }
  /** Nothing new: an old tally, or the same again. */
  | { readonly kind: 'unchanged'; readonly remainingBytes: bigint }
  /** Same bytes, other blocks, both signed by the receiver: the first stays, keep both. */
  | { readonly kind: 'equivocation'; readonly remainingBytes: bigint }

/** Account names. Members' ids are the tracker's. */
export const memberAccount = (id: string): string => `member:${id}`
export const heldAccount = (id: string): string => `held:${id}`
export const mintAccount = (name: string): string => `mint:${name}`

/** How much of a share a receiver may be debited for before credits are held: payload × 1.05 + 16 MiB a grant. */
export function capBytes(payloadBytes: number, grants: number): bigint {
  assert(grants >= 1 && grants <= GRANTS_MAX, 'one to three grants')
  return ((BigInt(payloadBytes) * GRANT_PERCENT) / 100n + GRANT_SLACK_BYTES) * BigInt(grants)
}

const atLeastZero = (value: bigint): bigint => (value < 0n ? 0n : value)

function least(first: bigint, ...others: readonly bigint[]): bigint {
  let value = first
  for (const other of others) if (other < value) value = other
  return value
}

/** The step from the greatest tally so far to this one; undefined when there is none. */
function growth(tally: SessionRow, row: SessionRow | undefined): bigint | 'unchanged' | 'equivocation' {
  if (row === undefined || tally.bytes > row.bytes) return tally.bytes - (row?.bytes ?? 0n)
  const other = tally.bytes === row.bytes && !bytesEqual(tally.blocks, row.blocks)
  return other ? 'equivocation' : 'unchanged'
}

/** Sender up, receiver down by the difference; above the cap the receiver is still debited and the credit is held. */
export function decideCredit(input: CreditInput): CreditDecision {
  const { tally, row, sender, receiver, debitedBytes, capBytes: cap } = input
  assert(sender !== receiver, 'accounts are distinct: verification refuses others')
  const left = atLeastZero(cap - debitedBytes)
  const step = growth(tally, row)
  if (typeof step === 'string') return { kind: step, remainingBytes: left }
  const creditedBytes = least(step, left)
  const heldBytes = step - creditedBytes
  const postings = [
    { account: memberAccount(sender), bytes: creditedBytes },
    { account: heldAccount(sender), bytes: heldBytes },
    { account: memberAccount(receiver), bytes: -step },
  ].filter(({ bytes }) => bytes !== 0n)
  const { bytes, blocks } = tally
  return {
    kind: 'credited',
    creditedBytes,
    heldBytes,
    remainingBytes: left - creditedBytes,
    row: { bytes, blocks },
    debitBytes: step,
    postings,
  }
}

/** A review found held credit to be honest. The debit was made long ago. */
export function releaseHeld(sender: string, bytes: bigint): Posting[] {
  return [
    { account: heldAccount(sender), bytes: -bytes },
    { account: memberAccount(sender), bytes },
  ]
}

export type MintInput = {
  readonly tally: SessionRow
  readonly row: SessionRow | undefined
  readonly sender: string
  /** Who pays instead of the receiver, e.g. `freeleech`. */
  readonly mint: string
  /** The tally's runs: without their preimage nothing is minted. */
  readonly runs: readonly Run[]
  /** Blocks already minted for this receiver and share, for ever. Not changed here. */
  readonly minted: RunSet
  readonly numbering: BlockNumbering
  /** What the caps of this pair and of the invite subtree still allow. */
  readonly pairLeftBytes: bigint
  readonly subtreeLeftBytes: bigint
}
export type MintDecision =
  | {
      readonly kind: 'minted'
      readonly mintedBytes: bigint
      /** To be added to `minted`. */
      readonly fresh: readonly Run[]
      readonly row: SessionRow
      readonly postings: readonly Posting[]
    }
  | { readonly kind: 'unchanged' | 'equivocation' }

/** Free-leech and bonuses: a named mint account is debited; a block counts once per receiver and share. */
export function decideMint(input: MintInput): MintDecision {
  const { tally, row, sender, mint, runs, minted, numbering, pairLeftBytes, subtreeLeftBytes } = input
  const step = growth(tally, row)
  if (typeof step === 'string') return { kind: step }
  const fresh = runs.flatMap((run) => minted.missing(run))
  const worth = BigInt(numbering.payloadBytesOf(fresh))
  const mintedBytes = atLeastZero(least(step, worth, pairLeftBytes, subtreeLeftBytes))
  const postings =
    mintedBytes === 0n
      ? []
      : [
          { account: memberAccount(sender), bytes: mintedBytes },
          { account: mintAccount(mint), bytes: -mintedBytes },
        ]
  const { bytes, blocks } = tally
  return { kind: 'minted', mintedBytes, fresh, row: { bytes, blocks }, postings }
}
