/**
 * What the two sides of a link share: settings, the carrier, the queue, and who the peer is.
 *
 * @module
 */
import type { ShareId } from '../base/ids.ts'
import type { BlockNumbering } from './block-numbering.ts'
import { encodeFrame, type Frame } from './frames.ts'
import type { Peer } from './handshake.ts'
import type { TallyCarrier } from './link.ts'
import type { LinkConnection, TallyLinkParts, TallyLinkSettings } from './link-settings.ts'
import type { SerialQueue } from './serial-queue.ts'

export class LinkContext {
  readonly settings: TallyLinkSettings
  readonly parts: TallyLinkParts
  readonly connection: LinkConnection
  readonly share: ShareId
  readonly numbering: BlockNumbering
  /** Our nonce on this connection. */
  readonly nonce: Uint8Array
  readonly queue: SerialQueue
  readonly #carrier: TallyCarrier
  /** Undefined until its HELLO was read. */
  peer: Peer | undefined
  /** No frame goes out and nothing is asked of the carrier any more. */
  ended = false

  constructor(made: {
    readonly settings: TallyLinkSettings
    readonly parts: TallyLinkParts
    readonly connection: LinkConnection
    readonly share: ShareId
    readonly numbering: BlockNumbering
    readonly nonce: Uint8Array
    readonly queue: SerialQueue
    readonly carrier: TallyCarrier
  }) {
    this.settings = made.settings
    this.parts = made.parts
    this.connection = made.connection
    this.share = made.share
    this.numbering = made.numbering
    this.nonce = made.nonce
    this.queue = made.queue
    this.#carrier = made.carrier
  }

  get nowS(): number {
    return Math.floor(this.parts.clock.nowMs() / 1000)
  }

  get monotonicMs(): number {
    return this.parts.clock.monotonicMs()
  }

  send(frame: Frame): void {
    if (!this.ended) this.#carrier.send(encodeFrame(frame))
  }

  allowanceGrew(): void {
    if (!this.ended) this.#carrier.onAllowance()
  }

  priceAgreed(priceWeiPerMib: bigint): void {
    if (!this.ended) this.#carrier.onPrice?.(priceWeiPerMib)
  }

  /** The peer broke the rules: said once, then the link is silent. */
  fail(code: string, message: string): void {
    this.queue.close()
    if (this.ended) return
    this.ended = true
    this.#carrier.onViolation(code, message)
  }
}
