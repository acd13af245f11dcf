/**
 * A set one can draw a fair random sample from without walking it.
 *
 * Source: R. W. Floyd's sampling (Bentley, "Programming Pearls", CACM 30:9, 1987): k draws for k items.
 *
 * @module
 */
import type { Random } from '../base/world.ts'

export class Pool<T> {
  readonly #items: T[] = []
  readonly #at = new Map<T, number>()

  add(item: T): void {
    if (this.#at.has(item)) return
    this.#at.set(item, this.#items.length)
    this.#items.push(item)
  }

  /** The last item takes the free place. */
  remove(item: T): void {
    const at = this.#at.get(item)
    if (at === undefined) return
    this.#at.delete(item)
    const last = this.#items.pop()!
    if (at === this.#items.length) return
    this.#items[at] = last
    this.#at.set(last, at)
  }

  /** Up to `count` different items over several pools, each item as likely as any other. */
  static sample<T>(pools: readonly Pool<T>[], count: number, random: Random): T[] {
    const size = pools.reduce((sum, pool) => sum + pool.#items.length, 0)
    const chosen = new Set<number>()
    for (let end = Math.max(0, size - count); end < size; end++) {
      const index = Math.floor(random.fraction() * (end + 1))
      chosen.add(chosen.has(index) ? end : index)
    }
    return [...chosen].map((index) => {
      let rest = index
      for (const pool of pools) {
        if (rest < pool.#items.length) return pool.#items[rest]!
        rest -= pool.#items.length
      }
      throw new Error('the index lies inside the pools')
    })
  }
}
