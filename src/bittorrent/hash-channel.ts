/**
 * Hash requests of one connection, both ways. Incoming ones are rationed: a leaf request of 48 bytes costs us the
 * reading and hashing of a whole piece.
 *
 * Source: BEP 52, `hash request`, `hashes`, `hash reject`.
 *
 * @module
 */
import { toHex } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { encodeHashRange, type FileHashRange } from './hash-range.ts'
import type { HashServer } from './hash-server.ts'
import { encodeBytes, HASH_REJECT, HASH_REQUEST, HASHES } from './wire.ts'

/** Tokens after silence, and per second from then on; a leaf request takes one (our limits). */
const BURST = 128
const PER_S = 64
/** What a request counts whose answer is at hand: a tree of thousands of files has a piece layer for each. */
const CHEAP = 1 / 16
/** Answers under way; a leaf answer reads a piece. */
const UNDER_WAY_MAX = 4
const WAITING_MAX = 64
/** Rejected for these reasons before the connection ends. */
const EXCESS_MAX = 1_000
/** Ours that are not answered yet. */
export const HASH_REQUESTS_MAX = 4

export type HashOwner = {
  readonly hashServer: HashServer | undefined
  readonly writable: boolean
  nowMs(): number
  send(bytes: Uint8Array): void
}

export class HashChannel {
  readonly #owner: HashOwner
  #tokens = BURST
  #tokensMs: number
  #excess = 0
  #underWay = 0
  readonly #waiting: FileHashRange[] = []
  readonly #asked = new Map<string, FileHashRange>()
  #closed = false

  constructor(owner: HashOwner) {
    this.#owner = owner
    this.#tokensMs = owner.nowMs()
  }

  get outstanding(): number {
    return this.#asked.size
  }

  request(range: FileHashRange): void {
    this.#asked.set(keyOf(range), range)
    this.#owner.send(encodeBytes(HASH_REQUEST, encodeHashRange(range)))
  }

  /** An answer or a reject came for `range`. @throws {DecodeError<'UNREQUESTED_HASHES'>} */
  answered(range: FileHashRange): void {
    if (!this.#asked.delete(keyOf(range))) {
      throw new DecodeError('UNREQUESTED_HASHES', 'the peer answers a hash request that was never sent')
    }
  }

  /** Incoming. @throws {DecodeError<'HASH_REQUEST_FLOOD'>} */
  receive(range: FileHashRange): void {
    const full =
      !this.#take(this.#owner.hashServer?.isCheap(range) ? CHEAP : 1) ||
      this.#waiting.length >= WAITING_MAX ||
      !this.#owner.writable
    if (full) {
      if (++this.#excess > EXCESS_MAX) {
        throw new DecodeError('HASH_REQUEST_FLOOD', 'the peer asks for more hashes than it is given')
      }
      this.#reject(range)
      return
    }
    this.#waiting.push(range)
    this.#serve()
  }

  close(): void {
    this.#closed = true
    this.#waiting.length = 0
    this.#asked.clear()
  }

  #serve(): void {
    while (this.#underWay < UNDER_WAY_MAX && this.#waiting.length > 0) {
      const range = this.#waiting.shift()!
      const server = this.#owner.hashServer
      if (server === undefined) {
        this.#reject(range)
        continue
      }
      this.#underWay++
      server.answer(range).then(
        (hashes) => this.#finish(range, hashes),
        () => this.#finish(range, undefined), // the pieces under it could not be read
      )
    }
  }

  #finish(range: FileHashRange, hashes: Uint8Array | undefined): void {
    this.#underWay--
    if (this.#closed) return
    if (hashes === undefined) this.#reject(range)
    else this.#owner.send(encodeBytes(HASHES, encodeHashRange(range, hashes)))
    this.#serve()
  }

  #reject(range: FileHashRange): void {
    this.#owner.send(encodeBytes(HASH_REJECT, encodeHashRange(range)))
  }

  #take(tokens: number): boolean {
    const nowMs = this.#owner.nowMs()
    this.#tokens = Math.min(BURST, this.#tokens + ((nowMs - this.#tokensMs) * PER_S) / 1_000)
    this.#tokensMs = nowMs
    if (this.#tokens < tokens) return false
    this.#tokens -= tokens
    return true
  }
}

const keyOf = ({ piecesRoot, baseLayer, index, length, proofLayers }: FileHashRange): string =>
  `${toHex(piecesRoot)}/${baseLayer}/${index}/${length}/${proofLayers}`
