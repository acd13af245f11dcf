/**
 * Tallies on one connection: makes the link when both sides speak them, and stands in for it until then.
 *
 * Source: design section 3; the link's contract is `tally/link.ts`.
 *
 * @module
 */
import { concatBytes } from '../base/bytes.ts'
import type { PeerId } from '../base/ids.ts'
import type { Hash } from '../crypto/sha.ts'
import type { TallyLink, TallyLinkFactory, TallyLinkState } from '../tally/link.ts'

export type TallyOwner = {
  readonly label: string
  readonly weDialled: boolean
  readonly ourId: PeerId
  readonly peerId: PeerId
  sendTally(frame: Uint8Array): void
  /** More may be sent now. */
  allowanceGrew(): void
  /** What the peer sends has a price from now on. */
  priceAgreed(priceWeiPerMib: bigint): void
  close(code: string): void
}

export class TallyChannel {
  readonly #owner: TallyOwner
  readonly #factory: TallyLinkFactory | undefined
  readonly #sha256: Hash
  #link: TallyLink | undefined
  #closed = false

  constructor(owner: TallyOwner, factory: TallyLinkFactory | undefined, sha256: Hash) {
    this.#owner = owner
    this.#factory = factory
    this.#sha256 = sha256
  }

  /** Whether this side speaks tallies at all. */
  get offered(): boolean {
    return this.#factory !== undefined
  }

  get state(): TallyLinkState | undefined {
    return this.#link?.state
  }

  /** Whether both sides do. */
  get open(): boolean {
    return this.#link !== undefined
  }

  /** The peer speaks tallies too. */
  start(): void {
    if (this.#factory === undefined || this.#link !== undefined || this.#closed) return
    const { weDialled, ourId, peerId, label } = this.#owner
    const ids = weDialled ? [ourId, peerId] : [peerId, ourId]
    this.#link = this.#factory(
      {
        send: (frame) => this.#owner.sendTally(frame),
        onAllowance: () => this.#owner.allowanceGrew(),
        onPrice: (priceWeiPerMib) => this.#owner.priceAgreed(priceWeiPerMib),
        onViolation: (code) => this.#owner.close(code),
      },
      { transport: this.#sha256(concatBytes(...ids)), weDialled, label },
    )
  }

  /** Frames before both handshakes are through are ignored. @throws {DecodeError} */
  receiveFrame(frame: Uint8Array): void {
    this.#link?.receiveFrame(frame)
  }

  /** Peers without tallies are the choker's business. */
  maySend(bytes: number): boolean {
    return this.#link?.maySend(bytes) ?? true
  }

  sent(piece: number, begin: number, length: number, payloadBytes: number): void {
    this.#link?.sent(piece, begin, length, payloadBytes)
  }

  verified(piece: number, begin: number, length: number, payloadBytes: number): void {
    if (!this.#closed) this.#link?.verified(piece, begin, length, payloadBytes)
  }

  wasted(payloadBytes: number): void {
    if (!this.#closed) this.#link?.wasted(payloadBytes)
  }

  tick(nowMs: number): void {
    this.#link?.tick(nowMs)
  }

  finish(): Promise<void> {
    return this.#link?.finish() ?? Promise.resolve()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#link?.close()
  }
}
