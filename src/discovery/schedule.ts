/**
 * When to announce next: what the tracker asked for, within reason, and later after each failure.
 *
 * Source: BEP 3 (`interval`, `min interval`), 31 (`retry in`).
 *
 * @module
 */

export type ScheduleSettings = {
  /**
   * A tracker that asks for less is hammered by nobody, one that asks for more is heard again the same day.
   */
  readonly intervalMinMs: number
  readonly intervalMaxMs: number
  /** After the first failure; doubled after each further one. */
  readonly retryMinMs: number
  readonly retryMaxMs: number
  /**
   * Share of a wait that chance adds, so that clients started together do not stay together. Never
   * subtracted.
   */
  readonly jitter: number
}

export const SCHEDULE_DEFAULTS: ScheduleSettings = {
  intervalMinMs: 60_000,
  intervalMaxMs: 6 * 3_600_000,
  retryMinMs: 15_000,
  retryMaxMs: 3_600_000,
  jitter: 0.1,
}

type Intervals = { readonly intervalS: number; readonly minIntervalS?: number }

/** Wait until the next regular announce; `fraction` is random in [0, 1). */
export function intervalMs(asked: Intervals, settings: ScheduleSettings, fraction: number): number {
  const wantedMs = 1000 * Math.max(asked.intervalS, asked.minIntervalS ?? 0)
  const waitMs = Math.min(Math.max(wantedMs, settings.intervalMinMs), settings.intervalMaxMs)
  return waitMs * (1 + settings.jitter * fraction)
}

/** The earliest that an announce out of turn may follow, as when peers run out. */
export function minIntervalMs({ intervalS, minIntervalS }: Intervals, settings: ScheduleSettings): number {
  const wantedMs = 1000 * (minIntervalS ?? intervalS)
  return Math.min(Math.max(wantedMs, settings.intervalMinMs), settings.intervalMaxMs)
}

/**
 * Wait after the `failures`th failure in a row (from 1). What the tracker itself said counts if it is longer.
 */
export function retryMs(
  failures: number,
  retryInS: number | undefined,
  settings: ScheduleSettings,
  fraction: number,
): number {
  if (retryInS === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY
  const backoffMs = Math.min(settings.retryMinMs * 2 ** (failures - 1), settings.retryMaxMs)
  const askedMs = Math.min(1000 * (retryInS ?? 0), settings.intervalMaxMs)
  return Math.max(backoffMs, askedMs) * (1 + settings.jitter * fraction)
}
