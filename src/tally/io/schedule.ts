/**
 * Timers for links: at most two seconds, cancelled when the link closes.
 *
 * @module
 */

/** Runs `run` once after `delayMs`; the returned function cancels it. */
export function systemSchedule(delayMs: number, run: () => void): () => void {
  const timer = setTimeout(run, delayMs)
  return () => clearTimeout(timer)
}
