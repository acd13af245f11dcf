/**
 * Books in memory by the rules of `credit.ts`: for one process that needs no database, and as what a database must do.
 *
 * @module
 */

import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import {
  type CreditDecision,
  capBytes,
  decideCredit,
  heldAccount,
  type Posting,
  releaseHeld,
  type SessionRow,
} from './credit.ts'
import type { Report } from './report.ts'
import type { VerifiedReport } from './verify.ts'

/** Two tallies of one session that contradict each other. */
export type Equivocation = { readonly first: Report; readonly other: Report }

export class CreditBook {
  readonly #balances = new Map<string, bigint>()
  readonly #sessions = new Map<string, { readonly row: SessionRow; readonly report: Report }>()
  readonly #debited = new Map<string, bigint>()
  readonly #equivocations: Equivocation[] = []
  readonly #equivocationsMax: number

  constructor(equivocationsMax = 1024) {
    this.#equivocationsMax = equivocationsMax
  }

  /** Books a report whose accounts are known. One call is one transaction: nothing is awaited in it. */
  record(
    report: Report,
    verdict: VerifiedReport,
    terms: { payloadBytes: number; grants: number },
  ): CreditDecision {
    const { sender, receiver, session, tally } = verdict
    assert(sender !== undefined && receiver !== undefined, 'the accounts were looked up')
    const key = toHex(session)
    const debitKey = `${receiver.id}/${toHex(tally.share)}`
    const kept = this.#sessions.get(key)
    const debitedBytes = this.#debited.get(debitKey) ?? 0n
    const decision = decideCredit({
      tally,
      row: kept?.row,
      sender: sender.id,
      receiver: receiver.id,
      debitedBytes,
      capBytes: capBytes(terms.payloadBytes, terms.grants),
    })
    if (decision.kind === 'credited') {
      this.#sessions.set(key, { row: decision.row, report })
      this.#debited.set(debitKey, debitedBytes + decision.debitBytes)
      this.#post(decision.postings)
    }
    if (decision.kind === 'equivocation' && this.#equivocations.length < this.#equivocationsMax) {
      this.#equivocations.push({ first: kept!.report, other: report })
    }
    return decision
  }

  /** Lets go what was held for a sender. */
  release(sender: string): void {
    this.#post(releaseHeld(sender, this.balance(heldAccount(sender))))
  }

  balance(account: string): bigint {
    return this.#balances.get(account) ?? 0n
  }

  get equivocations(): readonly Equivocation[] {
    return this.#equivocations
  }

  /** Zero, always. */
  sum(): bigint {
    return [...this.#balances.values()].reduce((sum, balance) => sum + balance, 0n)
  }

  #post(postings: readonly Posting[]): void {
    for (const { account, bytes } of postings) this.#balances.set(account, this.balance(account) + bytes)
  }
}
