/**
 * How many connections a node holds, in all and with one host. Dials in flight count.
 *
 * @module
 */
export class ConnectionBudget {
  readonly #max: number
  readonly #perHostMax: number
  readonly #hosts = new Map<string, number>()
  #count = 0

  constructor(max: number, perHostMax: number) {
    this.#max = max
    this.#perHostMax = perHostMax
  }

  get count(): number {
    return this.#count
  }

  /** Reserves one; false when there is no room. */
  take(host: string): boolean {
    const ofHost = this.#hosts.get(host) ?? 0
    if (this.#count >= this.#max || ofHost >= this.#perHostMax) return false
    this.#hosts.set(host, ofHost + 1)
    this.#count++
    return true
  }

  give(host: string): void {
    const ofHost = this.#hosts.get(host)
    if (ofHost === undefined) return
    this.#count--
    if (ofHost === 1) this.#hosts.delete(host)
    else this.#hosts.set(host, ofHost - 1)
  }
}
