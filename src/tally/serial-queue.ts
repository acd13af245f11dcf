/**
 * Runs asynchronous steps one after the other, so that frames and signatures keep their order. Bounded.
 *
 * @module
 */

export class SerialQueue {
  readonly #tasksMax: number
  readonly #failed: (error: unknown) => void
  readonly #tasks: (() => Promise<void> | void)[] = []
  #running = false
  #ending: Promise<void> = Promise.resolve()
  #closed = false

  /** `failed` gets what a task throws; the tasks after it still run unless it closes the queue. */
  constructor(tasksMax: number, failed: (error: unknown) => void) {
    this.#tasksMax = tasksMax
    this.#failed = failed
  }

  /** False when the queue is full or closed: the task will not run. */
  push(task: () => Promise<void> | void): boolean {
    if (this.#closed || this.#tasks.length >= this.#tasksMax) return false
    this.#tasks.push(task)
    if (!this.#running) this.#ending = this.#run()
    return true
  }

  /** Drops what has not begun. */
  close(): void {
    this.#closed = true
    this.#tasks.length = 0
  }

  /** Takes no more, but does what it has taken. Resolves when that is done. */
  async drain(): Promise<void> {
    this.#closed = true
    await this.#ending
  }

  async #run(): Promise<void> {
    this.#running = true
    await undefined // never inside the caller's own call
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) {
      try {
        await task()
      } catch (error) {
        this.#failed(error)
      }
    }
    this.#running = false
  }
}
