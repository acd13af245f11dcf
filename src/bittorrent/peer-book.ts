/**
 * The addresses of one swarm: each once, so many and no more, dialled again ever later when it fails, never when
 * banned.
 *
 * @module
 */
import type { Address } from '../base/world.ts'

const RETRY_MS = 5_000
const RETRY_MS_MAX = 1_800_000
/** After this many failures in a row an address is forgotten. */
const FAILURES_MAX = 8
const HOST_CHARACTERS_MAX = 255

type Entry = {
  readonly address: Address
  state: 'idle' | 'dialling' | 'connected' | 'banned'
  failures: number
  nextDialMs: number
}

export const addressKey = ({ host, port }: Address): string => `${host.toLowerCase()} ${port}`

export class PeerBook {
  dropped = 0
  readonly #entriesMax: number
  readonly #entries = new Map<string, Entry>()
  #banned = 0

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  get size(): number {
    return this.#entries.size
  }

  get banned(): number {
    return this.#banned
  }

  /** Returns whether it is new and was kept. */
  add(address: Address): boolean {
    const { host, port } = address
    const valid = Number.isInteger(port) && port > 0 && port < 65_536 && host.length > 0
    const key = addressKey(address)
    if (!valid || host.length > HOST_CHARACTERS_MAX || this.#entries.has(key)) return false
    if (this.#entries.size >= this.#entriesMax && !this.#forgetOne()) {
      this.dropped++
      return false
    }
    this.#entries.set(key, { address, state: 'idle', failures: 0, nextDialMs: 0 })
    return true
  }

  /** The next address to dial, marked as such. */
  next(nowMs: number): Address | undefined {
    for (const entry of this.#entries.values()) {
      if (entry.state !== 'idle' || entry.nextDialMs > nowMs) continue
      entry.state = 'dialling'
      return entry.address
    }
    return undefined
  }

  /** There was no room to dial it. */
  postpone(address: Address, nowMs: number): void {
    const entry = this.#entries.get(addressKey(address))
    if (entry?.state !== 'dialling') return
    entry.state = 'idle'
    entry.nextDialMs = nowMs + RETRY_MS
  }

  connected(address: Address): void {
    const entry = this.#entries.get(addressKey(address))
    if (entry === undefined || entry.state === 'banned') return
    entry.state = 'connected'
  }

  /** Data came or went: the address is good, whatever happened before. */
  proved(address: Address): void {
    const entry = this.#entries.get(addressKey(address))
    if (entry !== undefined) entry.failures = 0
  }

  /** The dial failed or the connection ended. */
  ended(address: Address, nowMs: number): void {
    const key = addressKey(address)
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.state === 'banned') return
    entry.state = 'idle'
    entry.nextDialMs = nowMs + Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** entry.failures)
    if (++entry.failures > FAILURES_MAX) this.#entries.delete(key)
  }

  /** Never again this session. Bans are kept beside the bound, and have their own: the same number again. */
  ban(address: Address): void {
    const key = addressKey(address)
    const entry = this.#entries.get(key)
    if (entry?.state === 'banned') return
    if (entry !== undefined) entry.state = 'banned'
    else if (this.#banned < this.#entriesMax) {
      this.#entries.set(key, { address, state: 'banned', failures: 0, nextDialMs: 0 })
    }
    this.#banned++
  }

  isBanned(address: Address): boolean {
    return this.#entries.get(addressKey(address))?.state === 'banned'
  }

  /** Makes room by the first idle address that failed before. */
  #forgetOne(): boolean {
    for (const [key, { state, failures }] of this.#entries) {
      if (state !== 'idle' || failures < 2) continue
      this.#entries.delete(key)
      return true
    }
    return false
  }
}
