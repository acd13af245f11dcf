/**
 * Keeps one torrent announced: tiers, events, intervals, retries, and a last "stopped".
 *
 * Source: BEP 3 (events, intervals), 7 (`key`), 12 (tiers), 21 (`paused`), 31 (`retry in`), 52 (a hybrid
 * torrent is announced under both its hashes). One tracker at a time, as BEP 12 and 27 ask.
 *
 * @module
 */
import type { AnnounceEvent, AnnouncePeer, AnnounceResponse, ScrapeFigures } from '../../announce/announce.ts'
import { INFO_HASH_BYTES, PEER_ID_BYTES } from '../../announce/announce.ts'
import type { Answer } from '../../announce/http-response.ts'
import { assert } from '../../base/assert.ts'
import { viewOf } from '../../base/bytes.ts'
import { CodedError } from '../../base/errors.ts'
import type { Reach } from '../../base/ip-scope.ts'
import type { Clock, Random } from '../../base/world.ts'
import { intervalMs, minIntervalMs, SCHEDULE_DEFAULTS, type ScheduleSettings } from '../schedule.ts'
import {
  type AnnounceProgress,
  eventFor,
  newTracker,
  noteAccepted,
  noteAnswer,
  noteRefusal,
  type Refusal,
  type Standing,
  type Tracker,
  type TrackerStatus,
} from '../standing.ts'
import { TrackerTiers } from '../tiers.ts'
import type { Announcer } from './announcer.ts'

export type TrackerClientSettings = {
  readonly tiers: readonly (readonly string[])[]
  /** One or, for a hybrid torrent, two: 20 bytes each, a v2 hash cut to its first 20. */
  readonly infoHashes: readonly Uint8Array[]
  readonly peerId: Uint8Array
  /** Where we listen; 0 when we do not. */
  readonly port: number
  /** Peers asked for in one announce. */
  readonly numWant: number
  /** For one tracker, UDP retransmissions included; then the next one's turn comes. */
  readonly announceTimeoutMs: number
  /** For all "stopped" announces together, at the end. */
  readonly stopTimeoutMs: number
  readonly schedule: Partial<ScheduleSettings>
  /** Instead of the announcer's own: `local` where the user named these trackers. */
  readonly reach?: Reach
}

/** 60 s let a UDP request be repeated after 15 and 45 s. */
const TRACKER_CLIENT_DEFAULTS = {
  numWant: 80,
  announceTimeoutMs: 60_000,
  stopTimeoutMs: 3_000,
  schedule: {},
} as const satisfies Partial<TrackerClientSettings>

export type TrackerClientParts = {
  readonly announcer: Announcer
  readonly clock: Clock
  readonly random: Random
  /** Asked before each announce. */
  readonly progress: () => AnnounceProgress
  /** Peers of one answer; never called after disposal began. `url` may hold a passkey. */
  readonly onPeers: (peers: readonly AnnouncePeer[], from: { readonly url: string }) => void
}

export type TrackerClient = AsyncDisposable & {
  /** The download has finished: announces it now, once. */
  completed(): void
  /** More peers are wanted: announces as early as the tracker allows. */
  announceSoon(): void
  /** Trackers in the order they will be tried. */
  status(): readonly TrackerStatus[]
  /** Figures from the first tracker that gives them. Rejects as the last one did. */
  scrape(signal: AbortSignal): Promise<Answer<Map<string, ScrapeFigures>>>
}

/**
 * Starts announcing at once. Disposal says "stopped" wherever "started" was heard, within `stopTimeoutMs`.
 */
export function createTrackerClient(
  settings: Partial<TrackerClientSettings> &
    Pick<TrackerClientSettings, 'tiers' | 'infoHashes' | 'peerId' | 'port'>,
  parts: TrackerClientParts,
): TrackerClient {
  return new Client({ ...TRACKER_CLIENT_DEFAULTS, ...settings }, parts)
}

const SLEEP_MAX_MS = 3_600_000

class Client implements TrackerClient {
  readonly #settings: TrackerClientSettings
  readonly #schedule: ScheduleSettings
  readonly #parts: TrackerClientParts
  readonly #tiers: TrackerTiers
  readonly #trackers: ReadonlyMap<string, Tracker>
  readonly #key: number
  readonly #abort = new AbortController()
  readonly #running: Promise<void>
  #finished = false
  /** Announce now; announce when `#earliestMs` allows; else announce at `#dueMs`. */
  #urgent = false
  #soon = false
  #earliestMs = 0
  #dueMs = 0
  #wake: () => void = () => {}
  #stopping: Promise<void> | undefined

  constructor(settings: TrackerClientSettings, parts: TrackerClientParts) {
    const { infoHashes, peerId, tiers, schedule } = settings
    assert(
      infoHashes.every((hash) => hash.length === INFO_HASH_BYTES) && peerId.length === PEER_ID_BYTES,
      'info hashes and peer ids have 20 bytes',
    )
    this.#settings = settings
    this.#schedule = { ...SCHEDULE_DEFAULTS, ...schedule }
    this.#parts = parts
    this.#tiers = new TrackerTiers(tiers, parts.random)
    this.#key = viewOf(parts.random.bytes(4)).getUint32(0)
    this.#trackers = new Map(this.#tiers.order().map((url) => [url, newTracker(url, infoHashes)]))
    this.#running = this.#run()
  }

  completed(): void {
    if (this.#finished) return
    this.#finished = true
    this.#urgent = true
    this.#wake()
  }

  announceSoon(): void {
    this.#soon = true
    this.#wake()
  }

  status(): TrackerStatus[] {
    return this.#tiers.order().map((url) => this.#trackers.get(url)!.status)
  }

  async scrape(signal: AbortSignal): Promise<Answer<Map<string, ScrapeFigures>>> {
    let last: Answer<Map<string, ScrapeFigures>> = { ok: false, failure: { reason: 'no tracker' } }
    let fault: unknown
    const { infoHashes, reach } = this.#settings
    for (const url of this.#tiers.order()) {
      try {
        last = await this.#parts.announcer.scrape(url, infoHashes, { signal, reach })
        fault = undefined
        if (last.ok) break
      } catch (error) {
        fault = error
      }
    }
    if (fault !== undefined) throw fault
    return last
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      await this.#round()
      await this.#untilDue()
    }
  }

  async #untilDue(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const dueMs = this.#urgent ? 0 : this.#soon ? Math.min(this.#earliestMs, this.#dueMs) : this.#dueMs
      const waitMs = dueMs - this.#parts.clock.monotonicMs()
      if (waitMs <= 0) return
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(waitMs, SLEEP_MAX_MS))
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = () => {}
    }
  }

  /** The first tracker that answers ends the round (BEP 12). */
  async #round(): Promise<void> {
    this.#urgent = false
    this.#soon = false
    for (const url of this.#tiers.order()) {
      const tracker = this.#trackers.get(url)!
      if (tracker.retryAtMs > this.#parts.clock.monotonicMs()) continue
      const response = await this.#announceTo(url, tracker)
      if (this.#abort.signal.aborted) return
      if (response === undefined) continue
      this.#tiers.answered(url)
      const nowMs = this.#parts.clock.monotonicMs()
      this.#dueMs = nowMs + intervalMs(response, this.#schedule, this.#parts.random.fraction())
      this.#earliestMs = nowMs + minIntervalMs(response, this.#schedule)
      return
    }
    this.#dueMs = Math.min(...[...this.#trackers.values()].map(({ retryAtMs }) => retryAtMs))
    this.#earliestMs = this.#dueMs
  }

  /** Undefined when no hash was accepted; the tracker's state says why and when to try again. */
  async #announceTo(url: string, tracker: Tracker): Promise<AnnounceResponse | undefined> {
    const signal = AbortSignal.any([
      this.#abort.signal,
      AbortSignal.timeout(this.#settings.announceTimeoutMs),
    ])
    let accepted: AnnounceResponse | undefined
    let refusal: Refusal | undefined
    for (const standing of tracker.standings) {
      const outcome = await this.#announceHash(url, standing, signal)
      if (this.#abort.signal.aborted) return undefined
      if ('code' in outcome) refusal = outcome
      else accepted = outcome
    }
    const nowMs = this.#parts.clock.monotonicMs()
    if (accepted !== undefined) noteAnswer(tracker, accepted, nowMs)
    else if (refusal !== undefined)
      noteRefusal(tracker, refusal, this.#schedule, nowMs, this.#parts.random.fraction())
    return accepted
  }

  async #announceHash(
    url: string,
    standing: Standing,
    signal: AbortSignal,
  ): Promise<AnnounceResponse | Refusal> {
    const progress = this.#parts.progress()
    const event = eventFor(standing, progress, this.#finished)
    let answer: Answer<AnnounceResponse>
    try {
      answer = await this.#announce(url, standing, event, progress, signal)
    } catch (error) {
      // We may be listed although we did not wait for the answer: then "stopped" is due.
      if (this.#abort.signal.aborted) standing.started = true
      if (signal.aborted) return { code: 'ANNOUNCE_TIMEOUT', message: 'the tracker took too long' }
      if (error instanceof CodedError) return { code: error.code, message: error.message }
      throw error
    }
    if (!answer.ok) {
      return { code: 'TRACKER_REFUSED', message: answer.failure.reason, retryInS: answer.failure.retryInS }
    }
    noteAccepted(standing, event, progress, answer.value)
    const { peers } = answer.value
    if (!this.#abort.signal.aborted && peers.length > 0) this.#parts.onPeers(peers, { url })
    return answer.value
  }

  async #announce(
    url: string,
    { infoHash, trackerId }: Standing,
    event: AnnounceEvent | undefined,
    { uploaded, downloaded, left }: AnnounceProgress,
    signal: AbortSignal,
  ): Promise<Answer<AnnounceResponse>> {
    const { peerId, port, numWant, reach } = this.#settings
    const request = {
      ...{ infoHash, peerId, port, uploaded, downloaded, left, key: this.#key },
      ...(event && { event }),
      numWant: event === 'stopped' ? 0 : numWant,
    }
    return this.#parts.announcer.announce(url, request, { signal, trackerId, reach })
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    this.#abort.abort()
    this.#wake()
    await this.#running
    const signal = AbortSignal.timeout(this.#settings.stopTimeoutMs)
    const progress = this.#parts.progress()
    const farewells = [...this.#trackers].flatMap(([url, { standings }]) =>
      standings
        .filter(({ started }) => started)
        .map((standing) => this.#announce(url, standing, 'stopped', progress, signal)),
    )
    await Promise.allSettled(farewells)
  }
}
