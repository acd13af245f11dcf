/**
 * Timers for links: short, and never a reason for the process to stay.
 *
 * @module
 */

/** Runs `run` once after `delayMs`; the returned function cancels it. */
export function systemSchedule(delayMs: number, run: () => void): () => void {
  const timer = setTimeout(run, delayMs)
  timer.unref()
  return () => clearTimeout(timer)
}
