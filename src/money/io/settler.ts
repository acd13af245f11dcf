/**
 * Carries settlements out, one after the other, and waits while the chain is down.
 *
 * Source: design section 5; the rules are in `../settlement.ts`. One at a time keeps nonces in order by
 * itself; the work is in batches, so that is no bottleneck. Waiting is exponential between the two bounds
 * and can be seen.
 *
 * @module
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError, codeOf, messageOf } from '../../base/errors.ts'
import type { Clock } from '../../base/world.ts'
import type { Action, Driver } from '../driver.ts'
import { nextStep, type Settlement, SettlementBook, type SettlementRecord } from '../settlement.ts'
import { type Journal, openJournal } from './journal.ts'

export type SettlerOptions = {
  readonly dir: string
  /** First and longest wait after a failure. */
  readonly backoffMinMs?: number
  readonly backoffMaxMs?: number
  /** How often to look for a transaction that was sent. */
  readonly pollMs?: number
  /** Raise the fee of a transaction that is pending this long. */
  readonly raiseFeeAfterMs?: number
}
export type SettlerParts = { readonly driver: Driver; readonly clock: Clock }

/**
 * The chain may refuse because it is behind (a deposit not seen yet): ask again this often before giving up.
 */
const REFUSALS_MAX = 4
const JOURNAL_RECORDS_MAX = 20_000

export type SettlementStatus = {
  readonly waiting: number
  readonly confirmed: number
  readonly failed: number
  readonly feesWei: bigint
  /** Set while the chain does not answer. */
  readonly trouble?: { readonly code: string; readonly message: string; readonly retryInMs: number }
}

export type Settler = AsyncDisposable & {
  /**
   * Journals the action and carries it out; resolves to its transaction when confirmed. The same id again
   * is the same settlement, whatever has happened in between. Rejects `SETTLEMENT_FAILED` when the chain
   * refused or reverted it.
   */
  settle(id: string, action: Action): Promise<{ readonly hash: string }>
  /** Resolves when nothing is waiting. */
  idle(): Promise<void>
  status(): SettlementStatus
}

/** @throws {CodedError<'JOURNAL_LOCKED' | 'JOURNAL_DAMAGED'>} */
export async function openSettler(options: SettlerOptions, parts: SettlerParts): Promise<Settler> {
  const journal = await openJournal<SettlementRecord>(join(options.dir, 'settlements.journal'))
  const settler = new JournalSettler(options, parts, journal)
  await settler.start()
  return settler
}

type Waiter = { readonly resolve: (done: { hash: string }) => void; readonly reject: (error: Error) => void }
type Run = {
  id: string
  sentHash?: string
  sentAtMs: number
  refusals: number
  replacedSeen: number
  polls: number
}

class JournalSettler implements Settler {
  readonly #options: Required<SettlerOptions>
  readonly #parts: SettlerParts
  readonly #journal: Journal<SettlementRecord>
  readonly #book = new SettlementBook()
  readonly #waiters = new Map<string, Waiter[]>()
  readonly #announced = new Set<string>()
  readonly #stop = new AbortController()
  #idle: (() => void)[] = []
  #trouble: SettlementStatus['trouble']
  #wake: (() => void) | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: SettlerOptions, parts: SettlerParts, journal: Journal<SettlementRecord>) {
    this.#options = {
      backoffMinMs: 250,
      backoffMaxMs: 30_000,
      pollMs: 50,
      raiseFeeAfterMs: 60_000,
      ...options,
    }
    this.#parts = parts
    this.#journal = journal
  }

  async start(): Promise<void> {
    for (const record of this.#journal.records) this.#book.apply(record)
    if (this.#journal.count > JOURNAL_RECORDS_MAX) await this.#journal.rewrite(() => this.#book.records())
    this.#running = this.#work()
  }

  async settle(id: string, action: Action): Promise<{ hash: string }> {
    if (this.#stop.signal.aborted) throw closed()
    const done = new Promise<{ hash: string }>((resolve, reject) => {
      this.#waiters.set(id, [...(this.#waiters.get(id) ?? []), { resolve, reject }])
    })
    done.catch(() => {}) // whoever awaits sees it; a caller that was stopped before must not end the process
    const known = this.#book.get(id)
    if (known !== undefined) this.#answer(known)
    else if (!this.#announced.has(id)) await this.#announce(id, action)
    return done
  }

  idle(): Promise<void> {
    if (this.#book.next() === undefined) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  status(): SettlementStatus {
    return {
      waiting: this.#book.count('intent') + this.#book.count('submitted'),
      confirmed: this.#book.count('confirmed'),
      failed: this.#book.count('failed'),
      feesWei: this.#book.feesWei,
      ...(this.#trouble === undefined ? {} : { trouble: this.#trouble }),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#wake?.()
    await this.#running
    this.#rejectAll()
    await this.#journal[Symbol.asyncDispose]()
  }

  async #announce(id: string, action: Action): Promise<void> {
    this.#announced.add(id)
    await this.#note({ type: 'intent', id, action }).finally(() => this.#announced.delete(id))
    this.#wake?.()
  }

  async #work(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const settlement = this.#book.next()
      if (settlement !== undefined) {
        await this.#carryOut(settlement)
        continue
      }
      for (const resolve of this.#idle.splice(0)) resolve()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async #carryOut({ id }: Settlement): Promise<void> {
    const run: Run = { id, sentAtMs: 0, refusals: 0, replacedSeen: 0, polls: 0 }
    let waitMs = this.#options.backoffMinMs
    while (!this.#stop.signal.aborted) {
      const settlement = this.#book.get(id)
      if (settlement === undefined || settlement !== this.#book.next()) break
      try {
        await this.#step(settlement, run)
        waitMs = this.#options.backoffMinMs
        this.#trouble = undefined
      } catch (error) {
        if (codeOf(error).startsWith('JOURNAL_')) return this.#giveUp(error)
        this.#trouble = { code: codeOf(error), message: messageOf(error), retryInMs: waitMs }
        await this.#sleep(waitMs)
        waitMs = Math.min(2 * waitMs, this.#options.backoffMaxMs)
      }
    }
    this.#trouble = undefined
  }

  async #step(settlement: Settlement, run: Run): Promise<void> {
    const { driver, clock } = this.#parts
    const sentMsAgo = clock.monotonicMs() - run.sentAtMs
    const step = nextStep(settlement, { sentHash: run.sentHash, sentMsAgo }, this.#options.raiseFeeAfterMs)
    if (step.do === 'prepare') return this.#prepare(settlement, run, step.replaces)
    if (step.do === 'check') return this.#check(settlement, run)
    // A refusal here decides nothing (known already, nonce used): the check that follows says what became of
    // it.
    await driver.send(step.submission).catch((error: unknown) => {
      if (codeOf(error) !== 'CHAIN_REFUSED') throw error
    })
    run.sentHash = step.submission.hash
    run.sentAtMs = clock.monotonicMs()
    run.polls = 0
  }

  async #prepare(settlement: Settlement, run: Run, replaces: Settlement['submissions'][number] | undefined) {
    const { driver } = this.#parts
    try {
      const submission = await driver.prepare(settlement.action, replaces === undefined ? {} : { replaces })
      await this.#note({ type: 'submitted', id: settlement.id, submission })
    } catch (error) {
      if (codeOf(error) !== 'CHAIN_REFUSED') throw error
      if (replaces !== undefined) {
        // Perhaps it was mined meanwhile: look before trying again.
        run.sentAtMs = this.#parts.clock.monotonicMs()
        return
      }
      if (++run.refusals < REFUSALS_MAX) throw error
      await this.#note({ type: 'failed', id: settlement.id, code: 'CHAIN_REFUSED' })
    }
  }

  async #check(settlement: Settlement, run: Run): Promise<void> {
    const outcome = await this.#parts.driver.outcome(settlement.submissions)
    const { id } = settlement
    run.replacedSeen = outcome.status === 'replaced' ? run.replacedSeen + 1 : 0
    switch (outcome.status) {
      case 'confirmed': {
        const { hash, chainBlock, feeWei } = outcome
        return this.#note({ type: 'confirmed', id, hash, chainBlock, feeWei })
      }
      case 'reverted':
        return this.#note({ type: 'failed', id, code: 'REVERTED' })
      case 'replaced':
        // Seen twice: an endpoint of many servers may know the nonce before the receipt.
        if (run.replacedSeen < 2) return this.#sleep(this.#options.pollMs)
        return this.#note({ type: 'replaced', id })
      case 'pending':
        return this.#sleep(Math.min(this.#options.pollMs * 2 ** Math.min(run.polls++, 6), 5_000))
    }
    outcome satisfies never
  }

  async #note(record: SettlementRecord): Promise<void> {
    await this.#journal.append(record)
    this.#answer(this.#book.apply(record))
  }

  #answer({ id, stage, hash, code }: Settlement): void {
    if (stage !== 'confirmed' && stage !== 'failed') return
    const failed = new CodedError('SETTLEMENT_FAILED', `the chain would not do it: ${code}`, {
      details: { id, reason: code ?? 'UNKNOWN' },
    })
    for (const { resolve, reject } of this.#waiters.get(id) ?? []) {
      if (stage === 'confirmed') resolve({ hash: hash ?? '' })
      else reject(failed)
    }
    this.#waiters.delete(id)
  }

  /** Without its journal a settler must not go on. */
  #giveUp(cause: unknown): void {
    this.#trouble = { code: codeOf(cause), message: messageOf(cause), retryInMs: 0 }
    this.#stop.abort()
    this.#rejectAll()
  }

  #rejectAll(): void {
    for (const waiters of this.#waiters.values()) for (const { reject } of waiters) reject(closed())
    this.#waiters.clear()
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  async #sleep(durationMs: number): Promise<void> {
    await sleep(durationMs, undefined, { signal: this.#stop.signal }).catch(() => {})
  }
}

const closed = () =>
  new CodedError('SETTLER_CLOSED', 'the settler is closed; what is journalled goes on at the next start')
