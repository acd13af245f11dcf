/**
 * Outgoing connections of one swarm: which address next, how many at once, and the handshake that follows.
 *
 * @module
 */
import { codeOf } from '../base/errors.ts'
import type { Address, ByteStream, StreamOwner } from '../base/world.ts'
import type { SwarmParts, SwarmSettings } from './contract.ts'
import { Greeting } from './greeting.ts'
import { encodeHandshake, type Handshake } from './handshake.ts'
import { PeerBook } from './peer-book.ts'

export type DialingOwner = {
  /** What we say first. */
  handshake(): Handshake
  admit(stream: ByteStream, handshake: Handshake, dialled: Address): StreamOwner | string
  /** How many more peers the swarm takes. */
  readonly room: number
  count(code: string): void
}

export class Dialing {
  readonly book: PeerBook
  readonly #settings: SwarmSettings
  readonly #parts: SwarmParts
  readonly #owner: DialingOwner
  readonly #abort = new AbortController()
  readonly #greetings = new Set<Greeting>()
  #inFlight = 0

  constructor(settings: SwarmSettings, parts: SwarmParts, owner: DialingOwner) {
    this.#settings = settings
    this.#parts = parts
    this.#owner = owner
    this.book = new PeerBook(settings.addressesMax)
  }

  /** Dials and greetings under way. */
  get inFlight(): number {
    return this.#inFlight + this.#greetings.size
  }

  more(nowMs: number): void {
    const { dialsMax } = this.#settings
    while (!this.#abort.signal.aborted && this.inFlight < dialsMax && this.inFlight < this.#owner.room) {
      const address = this.book.next(nowMs)
      if (address === undefined) return
      if (this.#parts.budget.take(address.host)) this.#dial(address)
      else {
        this.book.postpone(address, nowMs)
        return
      }
    }
  }

  tick(nowMs: number): void {
    for (const greeting of this.#greetings) {
      if (nowMs - greeting.startedMs > this.#settings.handshakeTimeoutMs) greeting.fail('HANDSHAKE_TIMEOUT')
    }
    this.more(nowMs)
  }

  close(): void {
    this.#abort.abort()
    for (const greeting of this.#greetings) greeting.fail('SWARM_CLOSED')
  }

  #dial(address: Address): void {
    this.#inFlight++
    const { dialer, clock, budget } = this.#parts
    const ended = (code: string) => {
      this.#owner.count(code)
      this.book.ended(address, clock.monotonicMs())
    }
    const options = { signal: this.#abort.signal, timeoutMs: this.#settings.dialTimeoutMs }
    dialer
      .dial(address, (stream) => this.#greet(stream, address, ended), options)
      .then(
        () => {
          this.#inFlight--
        },
        (error: unknown) => {
          this.#inFlight--
          budget.give(address.host)
          ended(codeOf(error))
          this.more(clock.monotonicMs())
        },
      )
  }

  #greet(stream: ByteStream, address: Address, ended: (code: string) => void): StreamOwner {
    const { clock, budget } = this.#parts
    const greeting = new Greeting(
      stream,
      {
        admit: (_, handshake) => this.#owner.admit(stream, handshake, address),
        admitted: () => this.#greetings.delete(greeting),
        failed: (_, code) => {
          this.#greetings.delete(greeting)
          ended(code)
        },
        closed: () => {
          budget.give(address.host)
          this.more(clock.monotonicMs())
        },
      },
      clock.monotonicMs(),
    )
    this.#greetings.add(greeting)
    stream.send(encodeHandshake(this.#owner.handshake()))
    return greeting
  }
}
