/**
 * For tests: a peer that says exactly what it is told to, over a real socket.
 *
 * @module
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { peerId } from '../../base/ids.ts'
import type { Address } from '../../base/world.ts'
import { encodeHandshake, type Handshake } from '../handshake.ts'
import type { WireMessage } from '../wire.ts'
import { WireDecoder } from '../wire-decoder.ts'

export type RawMessage =
  | WireMessage
  | { readonly type: 'request'; readonly piece: number; readonly begin: number; readonly length: number }
  | { readonly type: 'piece'; readonly piece: number; readonly begin: number; readonly length: number }

export class RawPeer implements AsyncDisposable {
  readonly heard: RawMessage[] = []
  /** Resolves when the other side has closed. */
  readonly closed: Promise<unknown>
  readonly #socket: Socket
  #handshakeLeft = 68
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    const decoder = new WireDecoder({
      message: (message) => this.#hear(structuredClone(message)),
      request: (piece, begin, length) => this.#hear({ type: 'request', piece, begin, length }),
      blockBegin: (piece, begin, length) => this.#hear({ type: 'piece', piece, begin, length }),
      blockBytes: () => {},
      blockEnd: () => {},
    })
    socket.on('data', (bytes: Buffer) => {
      const skipped = Math.min(this.#handshakeLeft, bytes.length)
      this.#handshakeLeft -= skipped
      decoder.feed(new Uint8Array(bytes.subarray(skipped)))
    })
    socket.on('error', () => {}) // a reset is one way to be closed
    this.closed = new Promise((resolve) => socket.once('close', resolve))
  }

  static async dial({ host, port }: Address): Promise<RawPeer> {
    const socket = connect({ host, port })
    await once(socket, 'connect')
    return new RawPeer(socket)
  }

  static over(socket: Socket): RawPeer {
    return new RawPeer(socket)
  }

  /** Dials and says hello. */
  static async greet(
    to: Address,
    handshake: Partial<Handshake> & Pick<Handshake, 'infoHash'>,
  ): Promise<RawPeer> {
    const peer = await RawPeer.dial(to)
    peer.send(handshakeOf(handshake))
    return peer
  }

  send(...messages: readonly Uint8Array[]): void {
    for (const message of messages) if (!this.#socket.destroyed) this.#socket.write(message)
  }

  /** The first message of this kind, heard already or still to come. Rejects when the connection ends before. */
  async hears<Type extends RawMessage['type']>(type: Type): Promise<Extract<RawMessage, { type: Type }>> {
    for (;;) {
      const found = this.heard.find((message) => message.type === type)
      if (found !== undefined) return found as Extract<RawMessage, { type: Type }>
      if (this.#socket.destroyed) throw new Error(`closed before ${type}`)
      await Promise.race([this.closed, new Promise<void>((resolve) => (this.#wake = resolve))])
    }
  }

  pause(): void {
    this.#socket.pause()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
    await this.closed
  }

  #hear(message: RawMessage): void {
    this.heard.push(message)
    this.#wake()
  }
}

let next = 0
export const handshakeOf = (handshake: Partial<Handshake> & Pick<Handshake, 'infoHash'>): Uint8Array =>
  encodeHandshake({
    extensions: true,
    fast: true,
    v2: false,
    peerId: peerId(Uint8Array.from(Buffer.from(`-RW0001-${String(next++).padStart(12, '0')}`))),
    ...handshake,
  })
