/**
 * A bounded queue of events: writers never wait, the oldest is dropped and counted when nobody reads.
 *
 * @module
 */
import { assert } from './assert.ts'

/** One reader at a time takes items with `for await`; iteration ends when the queue is closed and empty. */
export class BoundedQueue<T> {
  readonly itemsMax: number
  #items: T[] = []
  #dropped = 0
  #closed = false
  #wake: (() => void) | undefined

  constructor(itemsMax: number) {
    assert(Number.isSafeInteger(itemsMax) && itemsMax > 0, 'itemsMax is a positive integer')
    this.itemsMax = itemsMax
  }

  /** How many items were dropped unread so far. */
  get dropped(): number {
    return this.#dropped
  }

  push(item: T): void {
    if (this.#closed) return
    if (this.#items.length >= this.itemsMax) {
      this.#items.shift()
      this.#dropped++
    }
    this.#items.push(item)
    this.#wake?.()
  }

  close(): void {
    this.#closed = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      const item = this.#items.shift()
      if (item !== undefined) {
        yield item
        continue
      }
      if (this.#closed) return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
  }
}
