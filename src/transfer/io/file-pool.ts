/**
 * Open descriptors for reading, least recently used closed first, never under a read in flight.
 *
 * @module
 */
import { closeSync } from 'node:fs'
import { openToRead, type Place } from './jail.ts'

/** A descriptor that stays open until it is released as often as it was taken. */
export type OpenFile = { readonly key: string; readonly owner: number; readonly fd: number; users: number }

/** Open descriptors of all shares of a node; above it idle ones are closed. Busy ones may exceed it. */
export const DESCRIPTORS_MAX = 256

export class FilePool implements Disposable {
  readonly descriptorsMax: number
  /** In the order of last use. */
  readonly #open = new Map<string, OpenFile>()

  constructor(descriptorsMax = DESCRIPTORS_MAX) {
    this.descriptorsMax = descriptorsMax
  }

  get size(): number {
    return this.#open.size
  }

  /** `owner` and `file` name it; `place` is asked only when it must be opened. @throws as `openToRead` */
  take(owner: number, file: number, place: () => Place): OpenFile {
    const key = `${owner}:${file}`
    let entry = this.#open.get(key)
    if (entry === undefined) {
      entry = { key, owner, fd: openToRead(place()), users: 0 }
      this.#evict(this.descriptorsMax - 1)
    } else this.#open.delete(key)
    this.#open.set(key, entry)
    entry.users++
    return entry
  }

  release(entry: OpenFile): void {
    entry.users--
    // Forgotten meanwhile: the last reader closes it.
    if (entry.users === 0 && this.#open.get(entry.key) !== entry) closeSync(entry.fd)
  }

  /** Closes what an owner has open; descriptors in use close when they are released. */
  forget(owner: number): void {
    for (const entry of this.#open.values()) if (entry.owner === owner) this.#drop(entry)
  }

  [Symbol.dispose](): void {
    for (const entry of this.#open.values()) this.#drop(entry)
  }

  #evict(sizeMax: number): void {
    if (this.#open.size <= sizeMax) return
    for (const entry of this.#open.values()) {
      if (entry.users > 0) continue
      this.#drop(entry)
      if (this.#open.size <= sizeMax) return
    }
  }

  #drop(entry: OpenFile): void {
    this.#open.delete(entry.key)
    if (entry.users === 0) closeSync(entry.fd)
  }
}
