/**
 * The server's end of a tally session: one link per connection, frames queued until a response can carry
 * them.
 *
 * @module
 */
import type { PeerId } from '../../base/ids.ts'
import type { TallyLink, TallyLinkFactory } from '../../tally/link.ts'
import {
  encodeFramesBody,
  encodeFramesHeader,
  FRAMES_HEADER,
  FRAMES_MAX,
  framesThatFit,
  MORE_HEADER,
} from '../frames.ts'
import { Bell } from './bell.ts'

/**
 * Frames waiting for the client to fetch them. A link says little on its own; more is a client that never
 * reads.
 */
const QUEUED_FRAMES_MAX = 256

export type ServerSessionParts = {
  readonly shareId: string
  readonly peer: PeerId
  readonly transport: Uint8Array
  readonly label: string
  readonly createLink: TallyLinkFactory
  /** The peer broke the rules: close the connection. */
  readonly onViolation: (code: string) => void
}

export class ServerSession {
  readonly shareId: string
  readonly peer: PeerId
  readonly label: string
  readonly link: TallyLink
  readonly #bell = new Bell()
  #outgoing: Uint8Array[] = []
  /** Frames came with this request, and the link has not said yet what they change. */
  #beingJudged = false

  constructor({ shareId, peer, transport, label, createLink, onViolation }: ServerSessionParts) {
    this.shareId = shareId
    this.peer = peer
    this.label = label
    this.link = createLink(
      {
        send: (frame) => {
          if (this.#outgoing.length >= QUEUED_FRAMES_MAX) return onViolation('TALLY_FRAMES_UNREAD')
          this.#outgoing.push(frame)
          this.#bell.ring()
        },
        onAllowance: () => this.#bell.ring(),
        onViolation: (code) => onViolation(code),
      },
      { transport, weDialled: false, label },
    )
  }

  /** @throws {DecodeError} as the link does */
  receive(frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.link.receiveFrame(frame)
    this.#beingJudged ||= frames.length > 0
  }

  /**
   * Whether `bytes` may be sent. Frames of this request may still be under judgement, so their effect is
   * waited for, at most `waitMs`. Without such frames waiting is in vain: new ones come by this connection's
   * next request.
   */
  async allowance(bytes: number, waitMs: number): Promise<boolean> {
    const judging = this.#beingJudged
    this.#beingJudged = false
    if (this.link.maySend(bytes)) return true
    if (!judging) return false
    await this.#bell.heard(waitMs)
    return this.link.maySend(bytes)
  }

  /** The largest halving of `bytes` that may be sent now, for the client to ask again; at least 0. */
  allowed(bytes: number): number {
    let amount = bytes
    while (amount >= 1 && !this.link.maySend(amount)) amount = Math.floor(amount / 2)
    return amount
  }

  /** Takes as many frames as headers can carry. */
  takeHeaders(): Record<string, string> {
    const count = framesThatFit(this.#outgoing)
    const frames = this.#outgoing.splice(0, count)
    return {
      ...(frames.length > 0 && { [FRAMES_HEADER]: encodeFramesHeader(frames) }),
      ...(this.#outgoing.length > 0 && { [MORE_HEADER]: '1' }),
    }
  }

  /** Takes frames as a body of `POST /tally`. */
  takeBody(): Uint8Array {
    return encodeFramesBody(this.#outgoing.splice(0, FRAMES_MAX))
  }

  close(): void {
    this.#bell.ring()
    this.link.close()
  }
}
