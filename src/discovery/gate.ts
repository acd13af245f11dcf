/**
 * Lets so many through at once; the others wait in the order they came.
 *
 * @module
 */

export class Gate {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor(atOnceMax: number) {
    this.#free = atOnceMax
  }

  /** Runs `work` when there is room. Rejects with the signal's reason when aborted while waiting. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted()
    if (this.#free > 0) this.#free--
    else await this.#turn(signal)
    try {
      return await work()
    } finally {
      const [next] = this.#waiting
      if (next === undefined) this.#free++
      else next()
    }
  }

  /** The place of one who leaves passes on directly, so nobody new can slip in between. */
  async #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const settle = (decide: () => void) => () => {
      this.#waiting.delete(enter)
      signal.removeEventListener('abort', abort)
      decide()
    }
    const enter = settle(resolve)
    const abort = settle(() => reject(signal.reason))
    this.#waiting.add(enter)
    signal.addEventListener('abort', abort)
    await promise
  }
}
