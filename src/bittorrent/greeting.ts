/**
 * A connection until its handshake is read; then it passes everything on to whoever was found for it.
 *
 * @module
 */
import { codeOf } from '../base/errors.ts'
import type { ByteStream, StreamOwner } from '../base/world.ts'
import { type Handshake, HandshakeReader } from './handshake.ts'

export type GreetingOwner = {
  /** Finds the owner of this connection, or returns the code to close it with. */
  admit(stream: ByteStream, handshake: Handshake): StreamOwner | string
  /** The connection ended before it was admitted. */
  failed(greeting: Greeting, code: string): void
  admitted(greeting: Greeting): void
  /** The stream is gone, admitted or not. Last call. */
  closed(): void
}

export class Greeting implements StreamOwner {
  readonly stream: ByteStream
  readonly startedMs: number
  readonly #owner: GreetingOwner
  readonly #reader = new HandshakeReader()
  #successor: StreamOwner | undefined
  #ended = false

  constructor(stream: ByteStream, owner: GreetingOwner, nowMs: number) {
    this.stream = stream
    this.#owner = owner
    this.startedMs = nowMs
  }

  received(bytes: Uint8Array): void {
    if (this.#successor !== undefined) {
      this.#successor.received(bytes)
      return
    }
    if (this.#ended) return
    try {
      const taken = this.#reader.take(bytes)
      if (!this.#reader.complete) return
      const found = this.#owner.admit(this.stream, this.#reader.read())
      if (typeof found === 'string') {
        this.fail(found)
        return
      }
      this.#successor = found
      this.#owner.admitted(this)
      if (taken < bytes.length) found.received(bytes.subarray(taken))
    } catch (error) {
      this.fail(codeOf(error))
    }
  }

  drained(): void {
    this.#successor?.drained()
  }

  closed(reason: string): void {
    if (this.#successor !== undefined) this.#successor.closed(reason)
    else this.fail(reason)
    this.#owner.closed()
  }

  /** Ends it, unless it was admitted. */
  fail(code: string): void {
    if (this.#ended || this.#successor !== undefined) return
    this.#ended = true
    this.stream.close(code)
    this.#owner.failed(this, code)
  }
}
