/**
 * The other direction of a link, as receiver: judges offers, countersigns sessions, signs for what it verified.
 *
 * Source: design section 3; docs/TALLY.md, "Link".
 *
 * @module
 */
import { bytesEqual } from '../base/bytes.ts'
import { CodedError } from '../base/errors.ts'
import { digest } from './digest.ts'
import { FRAME_RUNS_MAX, type OpenFrame } from './frames.ts'
import type { CommonScope, Peer } from './handshake.ts'
import type { Run } from './link.ts'
import type { LinkContext } from './link-context.ts'
import { decodeOpen, OPENED_SKEW_S, type Open, SESSION_LIFE_S, sessionIdOf } from './open.ts'
import { ReceiverSigner } from './receiver-signer.ts'
import { encodeTally, tallyOf } from './tally.ts'
import type { BuyerTerms } from './terms.ts'

const NO_QUOTE = new Uint8Array(32)
const NO_PAYMENT = new Uint8Array(0)

type Session = {
  readonly open: Open
  readonly id: Uint8Array
  /** Signed for in earlier sessions of this connection. */
  readonly baseBytes: number
}

export class ReceiverSide {
  readonly #context: LinkContext
  readonly #terms: BuyerTerms | undefined
  readonly #signer = new ReceiverSigner()
  /** Digest of the quote we accepted, or zero. */
  #quote: Uint8Array = NO_QUOTE
  #judged = false
  #session: Session | undefined
  #signedBytes = 0
  #paidWei = 0n
  #signing = false
  #cancelTimer: (() => void) | undefined

  constructor(context: LinkContext) {
    this.#context = context
    this.#terms = context.parts.buyerTerms?.(context.connection)
  }

  get signedBytes(): number {
    return this.#signedBytes
  }

  get paidWei(): bigint {
    return this.#paidWei
  }

  /** A session is worth no more than the share: what comes again on one connection is not signed for. */
  verified(runs: readonly Run[], payloadBytes: number): void {
    const inSession = this.#signer.verifiedBytes - (this.#session?.baseBytes ?? 0)
    if (inSession + payloadBytes > this.#context.numbering.payloadBytes) return
    this.#signer.verified(runs, payloadBytes)
    this.#signWhenDue()
  }

  wasted(payloadBytes: number): void {
    this.#signer.wasted(payloadBytes)
  }

  /** The sender wants a tally. */
  asked(): void {
    this.#signer.asked(this.#context.monotonicMs)
    this.#signWhenDue()
  }

  tick(): void {
    this.#signer.hurry()
    this.#signWhenDue()
  }

  set windowBytes(bytes: bigint) {
    this.#signer.windowBytes = Number(bytes)
    this.#signWhenDue()
  }

  /** Judged once a connection: an offer after that is a breach. */
  async offered(quote: Uint8Array): Promise<void> {
    if (this.#judged) throw new CodedError('OFFER_REPEATED', 'a second offer on one connection')
    this.#judged = true
    const verdict = await this.#terms?.judge(quote)
    if (verdict?.ok !== true) {
      this.#context.send({ type: 'answer', accepted: false, body: NO_PAYMENT })
      return
    }
    this.#quote = verdict.quoteDigest
    this.#context.priceAgreed(verdict.priceWeiPerMib)
    this.#context.send({ type: 'answer', accepted: true, body: verdict.acceptance })
  }

  async openProposed({ open: bytes, signature, window }: OpenFrame, peer: Peer): Promise<void> {
    const open = decodeOpen(bytes)
    const common = this.#checkOpen(open, peer)
    const { ed25519, swarmKey, store } = this.#context.parts
    if (!(await ed25519.verify(open.senderKey, signature, bytes))) {
      throw new CodedError('OPEN_SIGNATURE', 'the signature of the Open does not hold')
    }
    await this.signNow() // what is left belongs to the session before
    const receiverSignature = await ed25519.sign(swarmKey, bytes)
    const id = sessionIdOf(bytes)
    if (this.#session !== undefined) this.#signer.renew()
    this.#session = { open, id, baseBytes: this.#signedBytes }
    store.opened({
      role: 'receiver',
      session: id,
      open: bytes,
      senderSignature: signature,
      receiverSignature,
      ...(common.peer === undefined ? {} : { senderCredential: common.peer }),
      ...(common.own === undefined ? {} : { receiverCredential: common.own }),
    })
    this.#context.send({ type: 'opened', signature: receiverSignature })
    this.windowBytes = window
  }

  /** Nothing verified that is not signed for. */
  get settled(): boolean {
    return this.#signer.settled
  }

  /** The connection ends: signs what there is, or as soon as there is a session. Only inside the link's queue. */
  signRest(): Promise<void> {
    this.#signer.hurry()
    return this.signNow()
  }

  /** Signs for everything verified so far, when there is a session. Only inside the link's queue. */
  async signNow(): Promise<void> {
    const session = this.#session
    const context = this.#context
    if (session === undefined || context.nowS - session.open.openedS > SESSION_LIFE_S) return
    if (this.#signer.settled) {
      if (!this.#signer.hasNewWaste) return
      context.send({ type: 'waste', waste: BigInt(this.#signer.take(context.monotonicMs).waste) })
      return
    }
    const { ed25519, swarmKey, store, sha256 } = context.parts
    const { bytes, waste, added } = this.#signer.take(context.monotonicMs)
    const blocks = this.#signer.blocks.digest(sha256)
    const counted = { bytes: BigInt(bytes - session.baseBytes), blocks }
    const tally = encodeTally(tallyOf(session.open, session.id, counted))
    const signature = await ed25519.sign(swarmKey, tally)
    const payment = await this.#pay(tally, bytes)
    store.tallied({
      session: session.id,
      tally,
      signature,
      bytes: counted.bytes,
      added,
      ...(payment.length === 0 ? {} : { payment }),
    })
    this.#signedBytes = bytes
    const rest = added.slice(this.#sendRuns(added))
    context.send({ type: 'tally', tally, signature, waste: BigInt(waste), added: rest, payment })
  }

  close(): void {
    this.#cancelTimer?.()
    this.#terms?.finished()
  }

  #checkOpen(open: Open, peer: Peer): CommonScope {
    const { share, nonce, parts, connection, nowS } = this.#context
    const fits =
      bytesEqual(open.share, share) &&
      bytesEqual(open.senderKey, peer.swarmKey) &&
      bytesEqual(open.receiverKey, parts.swarmKey.publicKey) &&
      bytesEqual(open.senderNonce, peer.nonce) &&
      bytesEqual(open.receiverNonce, nonce) &&
      bytesEqual(open.transport, connection.transport)
    if (!fits) throw new CodedError('OPEN_FIELDS', 'the Open is not about this connection')
    if (Math.abs(open.openedS - nowS) > OPENED_SKEW_S) {
      throw new CodedError('OPEN_TIME', 'the Open is dated too early or too late')
    }
    if (!bytesEqual(open.quote, this.#quote)) {
      throw new CodedError('OPEN_QUOTE', 'the Open names another quote than the accepted one')
    }
    if (this.#session !== undefined && open.openedS <= this.#session.open.openedS) {
      throw new CodedError('OPEN_REPLAYED', 'the Open is not newer than the one before')
    }
    const common = peer.scopes.find(({ scope }) => bytesEqual(scope, open.scope))
    if (common === undefined) throw new CodedError('OPEN_SCOPE', 'the Open is in a scope we do not share')
    return common
  }

  /** Sends what does not fit the tally's own frame; returns how many runs went. */
  #sendRuns(added: readonly Run[]): number {
    let gone = 0
    for (; added.length - gone > FRAME_RUNS_MAX; gone += FRAME_RUNS_MAX) {
      this.#context.send({ type: 'runs', added: added.slice(gone, gone + FRAME_RUNS_MAX) })
    }
    return gone
  }

  async #pay(tally: Uint8Array, totalBytes: number): Promise<Uint8Array> {
    if (this.#terms === undefined || this.#quote === NO_QUOTE) return NO_PAYMENT
    try {
      const { payment, totalWei } = await this.#terms.pay(digest(tally), BigInt(totalBytes))
      this.#paidWei = totalWei
      return payment
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      return NO_PAYMENT // our wallet cannot: the tally is owed all the same, and the seller will choke
    }
  }

  #signWhenDue(): void {
    if (this.#session === undefined || this.#signing || this.#context.ended) return
    const dueInMs = this.#signer.dueInMs(this.#context.monotonicMs)
    if (dueInMs === undefined) return
    this.#signing = true
    if (dueInMs === 0) this.#enqueue()
    else this.#cancelTimer = this.#context.parts.schedule(Math.ceil(dueInMs), () => this.#enqueue())
  }

  #enqueue(): void {
    const queued = this.#context.queue.push(async () => {
      try {
        await this.signNow()
      } finally {
        this.#signing = false
      }
      this.#signWhenDue()
    })
    if (!queued) this.#signing = false
  }
}
