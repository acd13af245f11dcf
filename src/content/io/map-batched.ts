/**
 * Bounded concurrency for many small calls to the file system.
 *
 * @module
 */

/** Enough to keep the thread pool of libuv busy. */
const BATCH = 64

/** Results in order; at most 64 calls at a time; the first failure ends it. */
export async function mapBatched<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += BATCH) {
    results.push(...(await Promise.all(items.slice(at, at + BATCH).map(work))))
  }
  return results
}
