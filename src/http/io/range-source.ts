/**
 * A source that fetches ranges of files over HTTP: lanes (connections) that take jobs from one small queue.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { TallyLink } from '../../tally/link.ts'
import { Bitfield } from '../../transfer/bitfield.ts'
import type { CloseReason, Source, SourcePort } from '../../transfer/source.ts'
import type {
  RangeSource,
  RangeSourceParts,
  RangeSourceSettings,
  RangeSourceStatus,
  SourceEnd,
} from '../contract.ts'
import { FailurePolicy } from '../failure-policy.ts'
import { type Job, planJobs } from '../fetch-plan.ts'
import { JobFill } from '../job-fill.ts'
import { nextBlocks, START_BLOCKS } from '../pace.ts'
import { TallyRouter } from '../tally-router.ts'
import type { ClientSession } from './client-session.ts'
import type { Dialect, Greeting, SourceContext } from './dialect.ts'
import { HttpClient } from './http-client.ts'
import { fetchRange, RequestFailed } from './lane.ts'

type QueuedJob = { readonly job: Job; readonly fill: JobFill; link: TallyLink | undefined }
type Lane = { greeting: Greeting | undefined; blocks: number; pausing: boolean }

const LANES_MAX = 4
const TICK_MS = 1_000
/** Time for a tally session to say goodbye before its connection is cut. */
const FAREWELL_MS = 3_000
const SESSIONS_KEPT = 64

/** Which addresses requests may reach: a user may name any host, a torrent only public ones. */
const trustedBy = ({ origin, allowPrivateAddresses }: RangeSourceSettings, url: URL) =>
  allowPrivateAddresses ? 'any' : origin === 'user' ? { origin: url.origin } : 'none'

export class HttpRangeSource implements RangeSource {
  readonly source: Source
  readonly ended: Promise<SourceEnd>
  readonly #settings: RangeSourceSettings
  readonly #parts: RangeSourceParts
  readonly #dialect: Dialect
  readonly #port: SourcePort
  readonly #context: SourceContext
  readonly #abort = new AbortController()
  readonly #endWith: (end: SourceEnd) => void
  readonly #queue: QueuedJob[] = []
  /** Queued and running. */
  readonly #fills = new Set<JobFill>()
  readonly #router: TallyRouter
  readonly #sessions: ClientSession[] = []
  readonly #failures: FailurePolicy
  readonly #lanes: readonly Lane[]
  readonly #running: Promise<unknown>
  readonly #ticking: NodeJS.Timeout
  readonly #picked: Int32Array
  #have: Bitfield
  #waiting: (() => void)[] = []
  #closed = false
  #requests = 0
  #receivedBytes = 0
  #droppedBytes = 0

  constructor(settings: RangeSourceSettings, parts: RangeSourceParts, dialect: Dialect) {
    this.#settings = settings
    this.#parts = parts
    this.#dialect = dialect
    this.#failures = new FailurePolicy(settings)
    this.#picked = new Int32Array(3 * settings.requestBlocksMax)
    const { layout } = dialect.share
    this.#router = new TallyRouter(layout)
    this.#have = dialect.startsFull ? Bitfield.full(layout.pieceCount) : new Bitfield(layout.pieceCount)
    const { promise, resolve } = Promise.withResolvers<SourceEnd>()
    this.ended = promise
    this.#endWith = resolve
    this.#context = this.#createContext()
    this.source = this.#createSource()
    this.#port = parts.attach(this.source)
    this.#port.setHave(this.#have)
    const count = Math.min(LANES_MAX, Math.max(1, settings.connections))
    const blocks = Math.min(START_BLOCKS, settings.requestBlocksMax)
    this.#lanes = Array.from({ length: count }, () => ({ greeting: undefined, blocks, pausing: false }))
    this.#ticking = setInterval(() => this.#tick(), TICK_MS)
    this.#running = Promise.all(this.#lanes.map((lane) => this.#run(lane)))
  }

  status(): RangeSourceStatus {
    return {
      protocol: this.#dialect.protocol,
      url: this.#dialect.url.href,
      connections: this.#lanes.filter(({ greeting }) => greeting !== undefined).length,
      requests: this.#requests,
      receivedBytes: this.#receivedBytes,
      droppedBytes: this.#droppedBytes,
      failures: this.#failures.counts,
      tallies: this.#sessions.map(({ link }) => link.state),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end({ code: 'stopped' })
    await this.#running
  }

  #createContext(): SourceContext {
    const source = this
    return {
      signal: this.#abort.signal,
      createClient: (limits) => {
        const trusted = trustedBy(this.#settings, this.#dialect.url)
        return new HttpClient({ ...this.#settings, ...limits, trusted }, this.#parts.clock)
      },
      get have() {
        return source.#have
      },
      setHave: (bits) => {
        this.#have = bits
        if (!this.#closed) this.#port.setHave(bits)
        this.#wake()
      },
      setPrice: (priceWeiPerMib) => {
        if (!this.#closed) this.#port.setTerms({ priceWeiPerMib })
      },
      wake: () => this.#wake(),
    }
  }

  #createSource(): Source {
    return {
      protocol: this.#dialect.protocol,
      label: this.#dialect.url.href,
      wake: () => this.#wake(),
      cancel: (piece, begin) => {
        for (const fill of this.#fills) fill.cancel(piece, begin)
      },
      verified: (piece, begin, length) => this.#router.verified(piece, begin, length),
      wasted: (piece, begin, length) => this.#router.wasted(piece, begin, length),
      pieceVerified: () => undefined, // HTTP servers are not told
      close: (reason: CloseReason) => this.#end({ code: reason.code }),
    }
  }

  async #run(lane: Lane): Promise<void> {
    while (!this.#closed) {
      try {
        if (lane.greeting === undefined) await this.#greet(lane)
        const next = this.#take(lane)
        if (next === undefined) await this.#idle(lane.greeting!)
        else await this.#fetch(next, lane)
      } catch (error) {
        if (!(error instanceof RequestFailed)) this.#dismiss(lane)
        if (!this.#closed) await this.#recover(error, lane)
      }
    }
    await lane.greeting?.session?.finish()
    this.#dismiss(lane)
  }

  async #greet(lane: Lane): Promise<void> {
    lane.greeting = await this.#dialect.greet(this.#context)
    this.#updateReady()
    const { session } = lane.greeting
    if (session !== undefined && this.#sessions.push(session) > SESSIONS_KEPT) this.#sessions.shift()
  }

  #dismiss(lane: Lane): void {
    lane.greeting?.session?.close()
    lane.greeting?.client.close()
    lane.greeting = undefined
  }

  /** The next job: of those a rival lane has planned, else newly picked. */
  #take(lane: Lane): QueuedJob | undefined {
    if (this.#queue.length === 0) {
      const { layout } = this.#dialect.share
      const count = this.#port.pick(this.#picked, lane.blocks)
      for (const job of planJobs(layout, this.#picked, count)) this.#enqueue(job)
      if (this.#queue.length > 1) this.#wake()
    }
    return this.#queue.shift()
  }

  #enqueue(job: Job): void {
    const queued: QueuedJob = {
      job,
      link: undefined,
      fill: new JobFill(job, {
        layout: this.#dialect.share.layout,
        port: this.#port,
        onReceived: ({ piece, begin }) => this.#router.brought(piece, begin, queued?.link),
        onDropped: (bytes) => {
          this.#droppedBytes += bytes
          queued.link?.wasted(bytes)
        },
      }),
    }
    this.#fills.add(queued.fill)
    this.#queue.push(queued)
  }

  async #fetch(queued: QueuedJob, lane: Lane): Promise<void> {
    const { job, fill } = queued
    const { client, session } = lane.greeting!
    const { clock } = this.#parts
    const startedMs = clock.monotonicMs()
    queued.link = session?.link
    const parts = {
      client,
      session,
      signWaitMs: this.#settings.signWaitMs,
      signal: this.#abort.signal,
      fileUrl: (file: number) => this.#dialect.fileUrl(file),
      fileLength: (file: number) => this.#dialect.share.files[file]!.length,
      onRequest: () => this.#requests++,
    }
    try {
      for (const request of job.requests) {
        if (!fill.wanted) break
        await fetchRange(request, parts, (space, bytes) => {
          this.#receivedBytes += bytes.length
          fill.write(space, bytes)
        })
        this.#failures.succeeded()
      }
    } finally {
      fill.release()
      this.#fills.delete(fill)
    }
    const spanMs = clock.monotonicMs() - startedMs
    lane.blocks = nextBlocks(lane.blocks, spanMs, this.#settings.requestBlocksMax)
  }

  async #idle(greeting: Greeting): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push(resolve)
    if (greeting.session?.pending) return greeting.session.flush()
    await this.#dialect.idle?.(this.#context, greeting)
    if (!this.#closed) await promise
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #tick(): void {
    const nowMs = this.#parts.clock.nowMs()
    for (const { session } of this.#lanes.flatMap(({ greeting }) => greeting ?? [])) session?.link.tick(nowMs)
    this.#wake()
  }

  async #recover(error: unknown, lane: Lane): Promise<void> {
    const failed = error instanceof RequestFailed ? error : undefined
    const decision = this.#failures.decide(error, failed?.refusal, this.#parts.random.fraction())
    if (decision.kind === 'missing') this.#miss(failed!)
    else if (decision.kind === 'end') this.#end({ code: 'failed', cause: decision.code })
    else await this.#pause(decision.ms, lane, failed?.refusal.remedy === 'choked')
  }

  /** A lane that is choked goes on as soon as its link has signed for something. */
  async #pause(ms: number, lane: Lane, choked: boolean): Promise<void> {
    lane.pausing = true
    this.#updateReady()
    const pause = sleep(ms, undefined, { signal: this.#abort.signal }).catch(() => undefined)
    await Promise.race([pause, choked ? lane.greeting?.session?.settled(ms) : undefined].filter(Boolean))
    lane.pausing = false
    this.#updateReady()
  }

  #updateReady(): void {
    if (this.#closed) return
    this.#port.setReady(this.#lanes.some(({ greeting, pausing }) => greeting !== undefined && !pausing))
  }

  /** The server lacks this file (404, 410) or its end (416). */
  #miss({ refusal, request }: RequestFailed): void {
    const { layout } = this.#dialect.share
    const { offset, length } = layout.files[request.file]!
    const from = refusal.code === 'HTTP_416' ? request.start : 0
    const end = Math.ceil((offset + length) / layout.pieceLength)
    for (let i = Math.floor((offset + from) / layout.pieceLength); i < end; i++) this.#have.clear(i)
    this.#port.setHave(this.#have)
    if (this.#have.count === 0) this.#end({ code: 'failed', cause: refusal.code })
  }

  #end(end: SourceEnd): void {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#ticking)
    for (const { fill } of this.#queue.splice(0)) fill.release()
    this.#port.detach()
    this.#endWith(end)
    const speaks = this.#lanes.some(({ greeting }) => greeting?.session !== undefined)
    const graceMs = speaks && end.code !== 'bad-data' ? FAREWELL_MS : 0
    const cut = setTimeout(() => this.#abort.abort(), graceMs)
    this.#running.finally(() => clearTimeout(cut))
    this.#wake()
  }
}
