/**
 * Lets so many jobs run at once; the others wait in order.
 *
 * @module
 */
import { assert } from '../../base/assert.ts'

export function createGate(jobsMax: number): <T>(job: () => Promise<T>) => Promise<T> {
  assert(jobsMax > 0, 'a gate lets at least one through')
  let running = 0
  const waiting: (() => void)[] = []
  return async (job) => {
    if (running >= jobsMax) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await job()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}
