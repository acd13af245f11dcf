/**
 * A tally link: both directions of one connection, frames and signatures strictly in order.
 *
 * Source: design section 3; docs/TALLY.md, "Link". Frames are decoded at once and judged in a bounded queue; what the
 * peer gets wrong ends the link through the carrier's `onViolation`.
 *
 * @module
 */
import { CodedError, messageOf } from '../base/errors.ts'
import { BlockNumbering } from './block-numbering.ts'
import { FrameBudget } from './frame-budget.ts'
import { decodeFrame, type Frame, type Hello } from './frames.ts'
import { type CredentialCache, meet, type Peer } from './handshake.ts'
import type { TallyCarrier, TallyLink, TallyLinkState } from './link.ts'
import { LinkContext } from './link-context.ts'
import type { LinkConnection, TallyLinkParts, TallyLinkSettings } from './link-settings.ts'
import { NONCE_BYTES } from './open.ts'
import { ReceiverSide } from './receiver-side.ts'
import { SenderSide } from './sender-side.ts'
import { WINDOW_MAX_BYTES } from './sender-window.ts'
import { SerialQueue } from './serial-queue.ts'
import { shareIdOf } from './share-id.ts'

/** Frames and signatures waiting on one link. */
export const LINK_TASKS_MAX = 512
/** How long `finish` may take. */
export const FINISH_TIMEOUT_MS = 2000
const FINISH_POLL_MS = 20

/** What the links of one share have in common. */
export type LinkHouse = {
  readonly settings: TallyLinkSettings
  readonly parts: TallyLinkParts
  readonly numbering: BlockNumbering
  readonly credentials: CredentialCache
  /** Strangers being served now, where their number is limited. */
  readonly strangers: Set<object>
}

export function createLinkHouse(
  settings: TallyLinkSettings,
  parts: TallyLinkParts,
  credentials: CredentialCache,
): LinkHouse {
  const numbering = new BlockNumbering(settings.share)
  return { settings, parts, numbering, credentials, strangers: new Set() }
}

export class ConnectionLink implements TallyLink {
  readonly #house: LinkHouse
  readonly #context: LinkContext
  readonly #sender: SenderSide
  readonly #receiver: ReceiverSide
  readonly #memberships
  readonly #budget: FrameBudget
  #helloSeen = false
  /** Payload went by before any HELLO, too much to take it into account any more. */
  #strangerForGood = false
  #receivedBytes = 0
  #closed = false

  constructor(house: LinkHouse, carrier: TallyCarrier, connection: LinkConnection) {
    const { settings, parts, numbering } = house
    this.#house = house
    const queue = new SerialQueue(LINK_TASKS_MAX, (error) =>
      this.#context.fail(error instanceof CodedError ? error.code : 'LINK_FAILED', messageOf(error)),
    )
    const share = shareIdOf(settings.share)
    const nonce = parts.random.bytes(NONCE_BYTES)
    this.#context = new LinkContext({ settings, parts, numbering, connection, share, nonce, queue, carrier })
    this.#sender = new SenderSide(this.#context)
    this.#receiver = new ReceiverSide(this.#context)
    this.#budget = new FrameBudget(parts.clock.monotonicMs())
    this.#memberships = parts.memberships()
    queue.push(() =>
      this.#context.send({
        type: 'hello',
        bilateral: settings.bilateral,
        nonce,
        swarmKey: parts.swarmKey.publicKey,
        credentials: this.#memberships.map(({ credential }) => credential),
      }),
    )
  }

  receiveFrame(bytes: Uint8Array): void {
    if (this.#context.ended) return
    const frame = decodeFrame(bytes.slice()) // the bytes are a view into a receive buffer; frames live on
    if (this.#strangerForGood) return
    if (frame.type !== 'runs' && !this.#budget.take(this.#context.monotonicMs)) {
      this.#context.fail('FRAME_FLOOD', 'the peer sends frames too fast')
      return
    }
    if (frame.type === 'hello') {
      if (this.#helloSeen) {
        this.#context.fail('HELLO_REPEATED', 'a second HELLO on one connection')
        return
      }
      this.#helloSeen = true
    } else if (!this.#helloSeen) {
      this.#context.fail('HELLO_MISSING', `a ${frame.type} frame before HELLO`)
      return
    }
    if (!this.#context.queue.push(() => this.#handle(frame))) {
      this.#context.fail('FRAME_FLOOD', 'too many frames wait')
    }
  }

  /** `bytes` is at most WINDOW_MIN_BYTES: more would never be allowed. */
  maySend(bytes: number): boolean {
    if (this.#context.ended) return false
    if (this.#speaksTallies) return this.#sender.maySend(bytes)
    const may = this.#mayServeStranger()
    if (!may) this.#sender.waitForPeer()
    return may
  }

  sent(piece: number, begin: number, length: number, payloadBytes: number): void {
    const counted = this.#counts(this.#sender.sentBytes + payloadBytes)
    const runs = counted ? this.#house.numbering.runs(piece, begin, length) : []
    if (this.#sender.sent(runs, payloadBytes)) return
    if (this.#helloSeen) this.#context.fail('TOO_MANY_RUNS', 'the peer asks in too many separate runs')
    else this.#strangerForGood = true
  }

  verified(piece: number, begin: number, length: number, payloadBytes: number): void {
    this.#receivedBytes += payloadBytes
    if (!this.#counts(this.#receivedBytes)) return
    this.#receiver.verified(this.#house.numbering.runs(piece, begin, length), payloadBytes)
  }

  wasted(payloadBytes: number): void {
    this.#receiver.wasted(payloadBytes)
  }

  tick(): void {
    if (this.#context.ended) return
    this.#sender.tick()
    this.#receiver.tick()
  }

  /** What was verified before the peer's Open arrived can only be signed after it: waited for, within the bound. */
  async finish(): Promise<void> {
    const { clock, schedule } = this.#house.parts
    const endMs = clock.monotonicMs() + FINISH_TIMEOUT_MS
    do {
      const { promise, resolve } = Promise.withResolvers<void>()
      const cancel = schedule(endMs - clock.monotonicMs(), resolve)
      const queued = this.#context.queue.push(() => this.#receiver.signRest().finally(resolve))
      if (queued) await promise
      cancel()
      if (!queued || !this.#speaksTallies || this.#receiver.settled) break
      await new Promise<void>((wake) => schedule(FINISH_POLL_MS, wake))
    } while (clock.monotonicMs() < endMs && !this.#context.ended)
    this.#context.send({ type: 'bye' })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    const broken = this.#context.ended // by the peer: what it still said is void
    this.#context.ended = true
    this.#house.strangers.delete(this)
    this.#receiver.close()
    if (broken) this.#sender.close()
    else void this.#context.queue.drain().then(() => this.#sender.close()) // its last tally may be among the frames
  }

  get state(): TallyLinkState {
    return {
      peerSpeaksTallies: this.#speaksTallies,
      sentBytes: this.#sender.sentBytes,
      tallyInBytes: this.#sender.signedBytes,
      tallyOutBytes: this.#receiver.signedBytes,
      paidInWei: this.#sender.paidWei,
      paidOutWei: this.#receiver.paidWei,
    }
  }

  get #speaksTallies(): boolean {
    return (this.#context.peer?.scopes.length ?? 0) > 0
  }

  /** Whether payload is recorded: not for strangers, and a peer is one when its HELLO is a whole window late. */
  #counts(bytes: number): boolean {
    if (!this.#helloSeen && bytes > WINDOW_MAX_BYTES) this.#strangerForGood = true
    return !this.#strangerForGood && (this.#context.peer === undefined || this.#speaksTallies)
  }

  #mayServeStranger(): boolean {
    const { strangers: policy } = this.#house.settings
    if (policy === 'serve') return true
    if (policy === 'refuse') return false
    const { strangers } = this.#house
    if (!strangers.has(this) && strangers.size >= policy.slots) return false
    strangers.add(this)
    return true
  }

  async #met(hello: Hello): Promise<void> {
    const { share, parts, nowS, settings } = this.#context
    const { bilateral } = settings
    const ours = { share, bilateral, swarmKey: parts.swarmKey.publicKey, memberships: this.#memberships }
    const peer = await meet(hello, ours, { cache: this.#house.credentials, nowS })
    this.#context.peer = peer
    if (peer.scopes.length > 0) this.#house.strangers.delete(this)
    this.#sender.wake()
  }

  #peer(): Peer {
    const { peer } = this.#context
    if (peer === undefined) throw new Error('a frame is handled after the HELLO before it')
    return peer
  }

  async #handle(frame: Frame): Promise<void> {
    switch (frame.type) {
      case 'hello':
        return this.#met(frame)
      case 'offer':
        return this.#receiver.offered(frame.quote)
      case 'answer':
        return this.#sender.answered(frame.accepted, frame.body)
      case 'open':
        return this.#receiver.openProposed(frame, this.#peer())
      case 'opened':
        return this.#sender.countersigned(frame.signature)
      case 'tally':
        return this.#sender.tallied(frame)
      case 'runs':
        return this.#sender.runsAdded(frame.added)
      case 'waste':
        return this.#sender.wasted(frame.waste)
      case 'ask':
        return this.#receiver.asked()
      case 'window':
        this.#receiver.windowBytes = frame.window
        return
      case 'bye':
        return this.#receiver.signRest()
      default:
        frame satisfies never
    }
  }
}
