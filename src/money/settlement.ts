/**
 * The settlement state machine: what the journal's records mean, and what is to be done next for an action.
 *
 *   (nothing) --intent--> intent --submitted--> submitted --confirmed--> confirmed
 *                            ^                    |  |  ^
 *                            |                    |  |  +--submitted (same nonce, higher fee)
 *                            +-----replaced-------+  +--failed (reverted) --> failed
 *   intent --failed (the chain refuses it) --> failed
 *
 * A transaction is in the journal, signed, before it is sent. So after a crash the very same bytes are sent
 * again:
 * one nonce is mined once, and nothing is paid twice. Only when another transaction took the nonce is a new
 * one made.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import type { Action, Submission } from './driver.ts'

export type SettlementRecord =
  | { readonly type: 'intent'; readonly id: string; readonly action: Action }
  | { readonly type: 'submitted'; readonly id: string; readonly submission: Submission }
  | {
      readonly type: 'confirmed'
      readonly id: string
      readonly hash: string
      readonly chainBlock: number
      readonly feeWei: bigint
    }
  | { readonly type: 'replaced'; readonly id: string }
  | { readonly type: 'failed'; readonly id: string; readonly code: string }

export type Settlement = {
  readonly id: string
  readonly action: Action
  readonly stage: 'intent' | 'submitted' | 'confirmed' | 'failed'
  /** All of one nonce. */
  readonly submissions: readonly Submission[]
  /** When confirmed. */
  readonly hash?: string
  /** When failed. */
  readonly code?: string
}

/** Ended settlements kept to answer for their ids; the oldest are forgotten. */
export const ENDED_MAX = 4096
const SUBMISSIONS_MAX = 8

/** All settlements by id, in the order of their intents. */
export class SettlementBook {
  readonly #byId = new Map<string, Settlement>()
  #feesWei = 0n
  #ended = 0

  get(id: string): Settlement | undefined {
    return this.#byId.get(id)
  }

  get feesWei(): bigint {
    return this.#feesWei
  }

  count(stage: Settlement['stage']): number {
    let count = 0
    for (const settlement of this.#byId.values()) if (settlement.stage === stage) count++
    return count
  }

  /** The first that has not ended. */
  next(): Settlement | undefined {
    for (const settlement of this.#byId.values()) if (!isEnded(settlement)) return settlement
    return undefined
  }

  apply(record: SettlementRecord): Settlement {
    const before = this.#byId.get(record.id)
    const after = applied(before, record)
    this.#byId.set(record.id, after)
    if (record.type === 'confirmed') this.#feesWei += record.feeWei
    if (isEnded(after) && ++this.#ended > ENDED_MAX) this.#forgetOldest()
    return after
  }

  /** An equivalent, shorter list of records: only the open ones in full, the ended ones by their result. */
  records(): SettlementRecord[] {
    const records: SettlementRecord[] = []
    let feesWei = this.#feesWei
    for (const { id, action, stage, submissions, hash, code } of this.#byId.values()) {
      records.push({ type: 'intent', id, action })
      for (const submission of submissions) records.push({ type: 'submitted', id, submission })
      if (stage === 'failed') records.push({ type: 'failed', id, code: code ?? 'UNKNOWN' })
      if (stage === 'confirmed') {
        records.push({ type: 'confirmed', id, hash: hash ?? '', chainBlock: 0, feeWei: feesWei })
        feesWei = 0n // the sum is carried by the first
      }
    }
    return records
  }

  #forgetOldest(): void {
    for (const [id, settlement] of this.#byId) {
      if (!isEnded(settlement)) continue
      this.#byId.delete(id)
      this.#ended--
      return
    }
  }
}

const isEnded = ({ stage }: Settlement): boolean => stage === 'confirmed' || stage === 'failed'

function applied(before: Settlement | undefined, record: SettlementRecord): Settlement {
  const { id } = record
  if (record.type === 'intent') {
    assert(before === undefined, `the intent ${id} is new`)
    return { id, action: record.action, stage: 'intent', submissions: [] }
  }
  assert(before !== undefined && !isEnded(before), `settlement ${id} is open`)
  switch (record.type) {
    case 'submitted': {
      const { submission } = record
      assert(
        before.submissions.every(({ nonce }) => nonce === submission.nonce),
        'all submissions of a settlement have one nonce',
      )
      return { ...before, stage: 'submitted', submissions: [...before.submissions, submission] }
    }
    case 'replaced':
      return { ...before, stage: 'intent', submissions: [] }
    case 'confirmed':
      return { ...before, stage: 'confirmed', hash: record.hash }
    case 'failed':
      return { ...before, stage: 'failed', code: record.code }
  }
  record satisfies never
  return record
}

export type Step =
  | { readonly do: 'prepare'; readonly replaces?: Submission }
  | { readonly do: 'send'; readonly submission: Submission }
  | { readonly do: 'check' }

/**
 * What is to be done now. `sentHash` and `sentMsAgo` are of this run: after a restart everything is sent
 * again.
 */
export function nextStep(
  { submissions }: Settlement,
  run: { readonly sentHash?: string | undefined; readonly sentMsAgo: number },
  raiseFeeAfterMs: number,
): Step {
  const last = submissions.at(-1)
  if (last === undefined) return { do: 'prepare' }
  if (run.sentHash !== last.hash) return { do: 'send', submission: last }
  if (run.sentMsAgo < raiseFeeAfterMs || submissions.length >= SUBMISSIONS_MAX) return { do: 'check' }
  return { do: 'prepare', replaces: last }
}
