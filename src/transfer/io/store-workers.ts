/**
 * The store workers of a node, shared by all its downloads and seeds: a thousand torrents do not mean a thousand
 * threads. Started when first needed; an idle worker does not keep the process alive.
 *
 * @module
 */
import type { Worker } from 'node:worker_threads'
import { CodedError } from '../../base/errors.ts'
import { siblingUrl, startWorker } from '../../base/io/sibling.ts'
import type { StoreAnswer, StoreJob, StoreReply, StoreRequest } from './store-jobs.ts'

type Lane = { readonly worker: Worker; readonly jobs: Map<number, Waiting> }
type Waiting = { readonly resolve: (reply: StoreReply) => void; readonly reject: (error: unknown) => void }

const ENTRY = siblingUrl('./store-worker', import.meta.url)

export class StoreWorkers implements AsyncDisposable {
  readonly workersMax: number
  readonly #lanes: Lane[] = []
  #nextId = 0
  #closed = false

  constructor(workersMax = 1) {
    this.workersMax = workersMax
  }

  /**
   * Runs a job on the least busy worker. The caller bounds how many wait: commits by slots, the rest by lanes.
   * Rejects with CodedError `STORE_WORKER_GONE`.
   */
  run(job: StoreJob): Promise<StoreReply> {
    if (this.#closed) return Promise.reject(gone('it was closed'))
    return this.#post(this.#leastBusy(), job)
  }

  /** Starts the first worker, so that the first piece need not wait for it. */
  warm(): void {
    if (this.#lanes.length === 0 && !this.#closed) this.#start()
  }

  /** Closes an owner's descriptors in every worker. */
  async forget(owner: number): Promise<void> {
    if (this.#closed) return
    await Promise.all(this.#lanes.map((lane) => this.#post(lane, { kind: 'forget', owner })))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.all(this.#lanes.splice(0).map(({ worker }) => worker.terminate()))
  }

  #leastBusy(): Lane {
    let best: Lane | undefined
    for (const lane of this.#lanes) if (best === undefined || lane.jobs.size < best.jobs.size) best = lane
    if (best !== undefined && (best.jobs.size === 0 || this.#lanes.length >= this.workersMax)) return best
    return this.#start()
  }

  #start(): Lane {
    const worker = startWorker(ENTRY, {
      name: 'tallyswarm-store',
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    })
    const lane: Lane = { worker, jobs: new Map() }
    worker.unref()
    worker.on('message', ({ id, reply }: StoreAnswer) => {
      const waiting = lane.jobs.get(id)
      lane.jobs.delete(id)
      if (lane.jobs.size === 0) worker.unref()
      waiting?.resolve(reply)
    })
    let cause: unknown
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('exit', () => {
      const at = this.#lanes.indexOf(lane)
      if (at !== -1) this.#lanes.splice(at, 1)
      for (const { reject } of lane.jobs.values()) reject(gone('it ended', cause))
      lane.jobs.clear()
    })
    this.#lanes.push(lane)
    return lane
  }

  #post({ worker, jobs }: Lane, job: StoreJob): Promise<StoreReply> {
    return new Promise((resolve, reject) => {
      if (jobs.size === 0) worker.ref()
      const request: StoreRequest = { id: this.#nextId++, job }
      jobs.set(request.id, { resolve, reject })
      worker.postMessage(request)
    })
  }
}

const gone = (why: string, cause?: unknown) =>
  new CodedError('STORE_WORKER_GONE', `the store worker cannot do this: ${why}`, { cause })
