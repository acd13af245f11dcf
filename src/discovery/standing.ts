/**
 * What each tracker knows of us, and what to tell it next.
 *
 * Source: BEP 3 (events), 21 (`paused`), 31 (`retry in`).
 *
 * @module
 */
import type { AnnounceEvent, AnnounceResponse } from '../announce/announce.ts'
import { retryMs, type ScheduleSettings } from './schedule.ts'
import { trackerLabel } from './tracker-url.ts'

/** Payload bytes, as they are: `left` is what is still missing of the whole torrent (BEP 3). */
export type AnnounceProgress = {
  readonly uploaded: number
  readonly downloaded: number
  readonly left: number
  /** We want nothing more although something is left (BEP 21). */
  readonly partialSeed?: boolean
}

/** What one tracker knows of one of our hashes. */
export type Standing = {
  readonly infoHash: Uint8Array
  started: boolean
  startedIncomplete: boolean
  completed: boolean
  trackerId?: Uint8Array
}

export type TrackerStatus = {
  /** Scheme, host and port: the rest may be a passkey. */
  readonly label: string
  readonly state: 'unused' | 'working' | 'failing' | 'refused-for-good'
  /** Of the last answer. */
  readonly seeders?: number
  readonly leechers?: number
  readonly peers?: number
  readonly warning?: string
  /** By the monotonic clock. */
  readonly answeredAtMs?: number
  /** What went wrong last, while it is. */
  readonly fault?: { readonly code: string; readonly message: string }
}

export type Tracker = {
  readonly standings: readonly Standing[]
  failures: number
  retryAtMs: number
  status: TrackerStatus
}

export type Refusal = {
  readonly code: string
  readonly message: string
  readonly retryInS?: number | undefined
}

export function newTracker(url: string, infoHashes: readonly Uint8Array[]): Tracker {
  const fresh = { started: false, startedIncomplete: false, completed: false }
  return {
    standings: infoHashes.map((infoHash) => ({ infoHash, ...fresh })),
    failures: 0,
    retryAtMs: 0,
    status: { label: trackerLabel(url), state: 'unused' },
  }
}

/** `completed` is only for a tracker that saw us incomplete: it counts downloads by it. */
export function eventFor(
  standing: Standing,
  { partialSeed = false, left }: AnnounceProgress,
  finished: boolean,
): AnnounceEvent | undefined {
  if (!standing.started) return 'started'
  if (finished && left === 0 && standing.startedIncomplete && !standing.completed) return 'completed'
  return partialSeed && left > 0 ? 'paused' : undefined
}

export function noteAccepted(
  standing: Standing,
  event: AnnounceEvent | undefined,
  { left }: AnnounceProgress,
  { trackerId }: AnnounceResponse,
): void {
  if (event === 'started') standing.startedIncomplete = left > 0
  if (event === 'completed') standing.completed = true
  standing.started = true
  if (trackerId !== undefined) standing.trackerId = trackerId.slice()
}

export function noteAnswer(tracker: Tracker, response: AnnounceResponse, nowMs: number): void {
  const { complete, incomplete, peers, warning } = response
  tracker.failures = 0
  tracker.retryAtMs = 0
  tracker.status = {
    label: tracker.status.label,
    state: 'working',
    ...(complete === undefined ? {} : { seeders: complete }),
    ...(incomplete === undefined ? {} : { leechers: incomplete }),
    ...(warning === undefined ? {} : { warning }),
    peers: peers.length,
    answeredAtMs: nowMs,
  }
}

export function noteRefusal(
  tracker: Tracker,
  { retryInS, ...fault }: Refusal,
  schedule: ScheduleSettings,
  nowMs: number,
  fraction: number,
): void {
  tracker.failures++
  const waitMs = retryMs(tracker.failures, retryInS, schedule, fraction)
  tracker.retryAtMs = nowMs + waitMs
  const state = waitMs === Number.POSITIVE_INFINITY ? 'refused-for-good' : 'failing'
  tracker.status = { ...tracker.status, state, fault }
}
