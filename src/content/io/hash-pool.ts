/**
 * A pool of hash workers, shared by all who hash: each run gives its jobs in order, and idle workers take the
 * first one they may. The jobs of one `cid` stream all go to the worker that took the stream's first.
 *
 * @module
 */
import { availableParallelism } from 'node:os'
import type { Worker } from 'node:worker_threads'
import { CodedError, messageOf } from '../../base/errors.ts'
import { siblingUrl, startWorker } from '../../base/io/sibling.ts'
import type { HashJob } from '../hash-plan.ts'
import type { HashAnswer, HashOutcome, HashRequest, HashTask } from './hash-protocol.ts'

export type HashPoolOptions = {
  readonly workersMax?: number
  /** For who bundles the worker elsewhere. */
  readonly workerUrl?: URL
}
export type RunOptions = {
  readonly signal?: AbortSignal | undefined
  readonly onOutcome: (job: HashJob, outcome: HashOutcome) => void
}

/** More threads than eight only wait for the disk. */
const DEFAULT_WORKERS = Math.min(availableParallelism(), 8)
const WORKER_URL = siblingUrl('./hash-worker', import.meta.url)
/** How far workers may run ahead of a stream: what the page cache must hold to read the disk once. */
const AHEAD_BYTES_MAX = 128 * 2 ** 20
const AHEAD_JOBS_MAX = 4_096
/** Small jobs go to a worker together, so that its answers are worth a message. */
const BATCH_BYTES_MAX = 2 * 2 ** 20
const BATCH_JOBS_MAX = 64

type Slot = { readonly worker: Worker; batch: Batch | undefined }
type Batch = { readonly run: Run; readonly jobs: readonly HashJob[] }

/** The jobs of one caller: a bounded look-ahead over its iterator. */
class Run {
  readonly id: number
  readonly paths: readonly string[]
  readonly onOutcome: RunOptions['onOutcome']
  readonly done = Promise.withResolvers<void>()
  readonly streams = new Map<number, Slot>()
  active = 0
  failure: { readonly reason: unknown } | undefined
  readonly #jobs: Iterator<HashJob>
  #ahead: HashJob[] = []
  #aheadBytes = 0
  #exhausted = false

  constructor(
    id: number,
    jobs: Iterable<HashJob>,
    paths: readonly string[],
    onOutcome: RunOptions['onOutcome'],
  ) {
    this.id = id
    this.#jobs = jobs[Symbol.iterator]()
    this.paths = paths
    this.onOutcome = onOutcome
  }

  get finished(): boolean {
    return this.active === 0 && (this.failure !== undefined || (this.#exhausted && this.#ahead.length === 0))
  }

  /** The next jobs this worker may run: one, or several small ones. */
  take(slot: Slot): HashJob[] {
    const batch: HashJob[] = []
    let bytes = 0
    this.#lookAhead()
    for (let i = 0; i < this.#ahead.length && batch.length < BATCH_JOBS_MAX; ) {
      const job = this.#ahead[i]!
      const owner = job.cid && this.streams.get(job.cid.file)
      if (owner !== undefined && owner !== slot) {
        i++
        continue
      }
      if (batch.length > 0 && bytes + job.length > BATCH_BYTES_MAX) break
      if (job.cid && !job.cid.last) this.streams.set(job.cid.file, slot)
      this.#ahead.splice(i, 1)
      this.#aheadBytes -= job.length
      bytes += job.length
      batch.push(job)
    }
    return batch
  }

  #lookAhead(): void {
    while (
      this.failure === undefined &&
      !this.#exhausted &&
      this.#aheadBytes < AHEAD_BYTES_MAX &&
      this.#ahead.length < AHEAD_JOBS_MAX
    ) {
      const { done, value } = this.#jobs.next()
      if (done) this.#exhausted = true
      else {
        this.#ahead.push(value)
        this.#aheadBytes += value.length
      }
    }
  }

  fail(reason: unknown): void {
    this.failure ??= { reason }
    this.#ahead = []
  }
}

export class HashPool implements AsyncDisposable {
  readonly #workersMax: number
  readonly #workerUrl: URL
  readonly #slots: Slot[] = []
  readonly #runs = new Set<Run>()
  #runCount = 0
  #closed = false

  constructor({ workersMax = DEFAULT_WORKERS, workerUrl = WORKER_URL }: HashPoolOptions = {}) {
    this.#workersMax = workersMax
    this.#workerUrl = workerUrl
  }

  /**
   * Runs all jobs; `paths` are files by the index in the jobs' spans. Resolves when the last outcome was
   * told. Rejects with the signal's reason, with what `onOutcome` threw, or with CodedError
   * `HASH_WORKER_FAILED` or `HASH_POOL_CLOSED`; jobs under way end first.
   */
  async run(jobs: Iterable<HashJob>, paths: readonly string[], options: RunOptions): Promise<void> {
    const { signal, onOutcome } = options
    signal?.throwIfAborted()
    if (this.#closed) throw new CodedError('HASH_POOL_CLOSED', 'the hash pool is closed')
    const run = new Run(this.#runCount++, jobs, paths, onOutcome)
    const abort = () => {
      run.fail(signal?.reason)
      this.#dispatch()
    }
    signal?.addEventListener('abort', abort, { once: true })
    this.#runs.add(run)
    this.#dispatch()
    try {
      await run.done.promise
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  #dispatch(): void {
    for (let i = 0; i < this.#workersMax && this.#runs.size > 0; i++) {
      const slot = (this.#slots[i] ??= this.#start(i))
      if (slot.batch === undefined) this.#feed(slot)
    }
    for (const run of this.#runs) if (run.finished) this.#end(run)
  }

  #feed(slot: Slot): void {
    for (const run of this.#runs) {
      const jobs = run.take(slot)
      if (jobs.length === 0) continue
      // The run goes to the back of the line: all runs get their turn.
      this.#runs.delete(run)
      this.#runs.add(run)
      run.active++
      slot.batch = { run, jobs }
      slot.worker.ref()
      const tasks = jobs.map((job): HashTask => {
        return { run: run.id, job, paths: job.spans.map((span) => run.paths[span.file]!) }
      })
      this.#send(slot, { type: 'hash', tasks })
      return
    }
  }

  #send(slot: Slot, request: HashRequest): void {
    slot.worker.postMessage(request)
  }

  #end(run: Run): void {
    this.#runs.delete(run)
    if (run.failure === undefined) {
      run.done.resolve()
      return
    }
    for (const slot of this.#slots) if (slot) this.#send(slot, { type: 'drop', run: run.id })
    run.done.reject(run.failure.reason)
  }

  #start(index: number): Slot {
    const worker = startWorker(this.#workerUrl)
    const slot: Slot = { worker, batch: undefined }
    worker.on('message', ({ outcomes }: HashAnswer) => this.#answered(slot, outcomes))
    worker.on('error', (error) => this.#lost(index, slot, error))
    worker.on('exit', () => this.#lost(index, slot, new Error('the worker ended')))
    worker.unref()
    return slot
  }

  #answered(slot: Slot, outcomes: readonly HashOutcome[]): void {
    const { run, jobs } = slot.batch!
    slot.batch = undefined
    slot.worker.unref()
    run.active--
    for (const [i, job] of jobs.entries()) {
      if (run.failure !== undefined) break
      try {
        if (job.cid?.last) run.streams.delete(job.cid.file)
        run.onOutcome(job, outcomes[i]!)
      } catch (error) {
        run.fail(error)
      }
    }
    this.#dispatch()
  }

  /**
   * A worker that died takes its batch and its streams along: those runs fail, the next gets a new worker.
   */
  #lost(index: number, slot: Slot, error: unknown): void {
    if (this.#slots[index] !== slot) return
    delete this.#slots[index]
    const cause = new CodedError('HASH_WORKER_FAILED', `a hash worker died: ${messageOf(error)}`, {
      cause: error,
    })
    for (const run of this.#runs) {
      const owns = [...run.streams.values()].includes(slot)
      if (slot.batch?.run === run) run.active--
      if (owns || slot.batch?.run === run) run.fail(cause)
    }
    if (!this.#closed) this.#dispatch()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    for (const run of this.#runs) {
      run.fail(new CodedError('HASH_POOL_CLOSED', 'the hash pool is closed'))
      run.active = 0
      this.#runs.delete(run)
      run.done.reject(run.failure?.reason)
    }
    const slots = this.#slots.splice(0)
    await Promise.all(slots.map((slot) => slot?.worker.terminate()))
  }
}
