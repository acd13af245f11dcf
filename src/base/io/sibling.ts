/**
 * Files that run in a thread or process of their own. They lie beside their callers: as `.ts` in a checkout, as
 * `.js` in what is published, because Node strips no types below node_modules.
 *
 * @module
 */

import { getCompileCacheDir } from 'node:module'
import { Worker, type WorkerOptions } from 'node:worker_threads'

/** The file `name` (relative, without extension) under the extension of the caller, whose `import.meta.url` it takes. */
export function siblingUrl(name: string, callerUrl: string): URL {
  return new URL(name + callerUrl.slice(callerUrl.lastIndexOf('.')), callerUrl)
}

/**
 * A thread that shares the process's compile cache, which threads do not get by themselves. Measured for the store
 * worker: ready after 31 ms and 34 ms of CPU, 92 and 116 without.
 */
export function startWorker(entry: URL, options: WorkerOptions = {}): Worker {
  const directory = getCompileCacheDir()
  if (directory === undefined) return new Worker(entry, options)
  return new Worker(entry, { ...options, env: { ...process.env, NODE_COMPILE_CACHE: directory } })
}
