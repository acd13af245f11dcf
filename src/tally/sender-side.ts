/**
 * One direction of a link, as sender: offers, opens the session, checks every tally, and says how much may be sent.
 *
 * Source: design section 3; docs/TALLY.md, "Link". A session is proposed when the first payload is asked for. Until it
 * is countersigned the sender goes one window ahead, no more. With a price nothing is sent before the quote is accepted.
 *
 * @module
 */
import { bytesEqual } from '../base/bytes.ts'
import { CodedError } from '../base/errors.ts'
import { digest } from './digest.ts'
import type { TallyFrame } from './frames.ts'
import type { CommonScope } from './handshake.ts'
import type { Run } from './link.ts'
import type { LinkContext } from './link-context.ts'
import { decodeOpen, encodeOpen, type Open, SESSION_LIFE_S, sessionIdOf } from './open.ts'
import { ASK_GAP_MS, SIGN_GAP_MS } from './receiver-signer.ts'
import { RunSet } from './runs.ts'
import { SenderWindow } from './sender-window.ts'
import { decodeTally, matchesOpen } from './tally.ts'
import type { SellerTerms } from './terms.ts'

/** A new session is opened this long before the old one is too old. */
const RENEW_BEFORE_S = 600
const NO_QUOTE = new Uint8Array(32)

type Proposal = {
  readonly open: Open
  readonly bytes: Uint8Array
  readonly id: Uint8Array
  readonly signature: Uint8Array
  readonly common: CommonScope
}
type Session = Proposal & {
  /** Signed for in earlier sessions of this connection. */
  readonly baseBytes: number
  readonly claimed: RunSet
  /** Runs claimed since the newest tally. */
  readonly claimedSince: Run[]
  newestBytes: number
}

/** Where the offer of a priced sender stands. */
type Trade = 'none' | 'offered' | 'accepted' | 'declined'

/** How often a refused sender looks whether its terms cover more now. */
const COVER_POLL_MS = 50

export class SenderSide {
  readonly #context: LinkContext
  readonly #window: SenderWindow
  readonly #terms: SellerTerms | undefined
  readonly #sentRuns = new RunSet()
  #trade: Trade = 'none'
  #begun = false
  #proposal: Proposal | undefined
  #session: Session | undefined
  /** Somebody was refused and waits for `onAllowance`. */
  #wanting = false
  /** How much they asked for. */
  #wantedBytes = 0
  #cancelLook: (() => void) | undefined
  #askedAtMs = Number.NEGATIVE_INFINITY
  #paidBytes = 0
  #paidWei = 0n

  constructor(context: LinkContext) {
    this.#context = context
    this.#window = new SenderWindow(context.settings.unitBytes)
    this.#terms = context.parts.sellerTerms?.(context.connection)
  }

  get sentBytes(): number {
    return this.#window.sentBytes
  }

  get signedBytes(): number {
    return this.#session === undefined ? 0 : this.#session.baseBytes + this.#session.newestBytes
  }

  get paidWei(): bigint {
    return this.#paidWei
  }

  /** False when the blocks do not fit the record. */
  sent(runs: readonly Run[], payloadBytes: number): boolean {
    this.#window.sent(payloadBytes)
    return runs.every((run) => this.#sentRuns.add(run))
  }

  /** Only for peers whose HELLO was read and that share a scope with us. */
  maySend(bytes: number): boolean {
    this.#begin()
    const may = this.#allowed(bytes)
    if (!may) {
      this.#wanting = true
      this.#wantedBytes = bytes
      this.#ask()
      this.#lookForCover()
    }
    return may
  }

  /** What a buyer has set aside grows on chain, with no frame of the peer to tell us. */
  #lookForCover(): void {
    if (this.#trade !== 'accepted' || this.#cancelLook !== undefined) return
    this.#cancelLook = this.#context.parts.schedule(COVER_POLL_MS, () => {
      this.#cancelLook = undefined
      if (!this.#wanting) return
      if (this.#allowed(this.#wantedBytes)) this.wake()
      else this.#lookForCover()
    })
  }

  /** Remembers that somebody waits for the peer's HELLO. */
  waitForPeer(): void {
    this.#wanting = true
  }

  /** Tells the waiting that it is worth asking again. */
  wake(): void {
    if (!this.#wanting) return
    this.#wanting = false
    this.#context.allowanceGrew()
  }

  tick(): void {
    const session = this.#session
    if (session === undefined) return
    if (this.#wanting) this.#ask()
    const ageS = this.#context.nowS - session.open.openedS
    if (ageS > SESSION_LIFE_S - RENEW_BEFORE_S && this.#proposal === undefined) this.#propose()
  }

  async answered(accepted: boolean, acceptance: Uint8Array): Promise<void> {
    if (this.#trade !== 'offered') throw new CodedError('ANSWER_UNASKED', 'an answer without an offer')
    if (!accepted) {
      this.#trade = 'declined'
      return
    }
    await this.#terms!.accepted(acceptance)
    this.#trade = 'accepted'
    await this.#sendOpen()
    this.wake()
  }

  /** The countersignature of the proposed Open. */
  async countersigned(signature: Uint8Array): Promise<void> {
    const proposal = this.#proposal
    if (proposal === undefined) throw new CodedError('OPENED_UNASKED', 'a countersignature without an Open')
    const { ed25519, store } = this.#context.parts
    if (!(await ed25519.verify(proposal.open.receiverKey, signature, proposal.bytes))) {
      throw new CodedError('OPEN_SIGNATURE', 'the countersignature of the Open does not hold')
    }
    const baseBytes = this.signedBytes
    this.#session = { ...proposal, baseBytes, claimed: new RunSet(), claimedSince: [], newestBytes: 0 }
    this.#proposal = undefined
    const { own, peer } = proposal.common
    store.opened({
      role: 'sender',
      session: proposal.id,
      open: proposal.bytes,
      senderSignature: proposal.signature,
      receiverSignature: signature,
      ...(own === undefined ? {} : { senderCredential: own }),
      ...(peer === undefined ? {} : { receiverCredential: peer }),
    })
  }

  /** More runs that the next tally counts. Only blocks that were sent, and each once a session. */
  runsAdded(added: readonly Run[]): void {
    const { claimed, claimedSince } = this.#opened()
    for (const run of added) {
      if (!this.#sentRuns.contains(run)) {
        throw new CodedError('BLOCKS_NOT_SENT', 'the peer claims blocks that were never sent')
      }
      if (claimed.intersects(run)) throw new CodedError('RUNS_REPEATED', 'the peer claims a block twice')
      claimed.add(run)
      claimedSince.push(run)
    }
  }

  async tallied(frame: TallyFrame): Promise<void> {
    const session = this.#opened()
    const { ed25519, store, sha256 } = this.#context.parts
    const tally = decodeTally(frame.tally)
    if (!matchesOpen(tally, session.open, session.id)) {
      throw new CodedError('TALLY_OF_OTHER_SESSION', 'a field of the tally is not that of the Open')
    }
    if (this.#context.nowS - session.open.openedS > SESSION_LIFE_S) {
      throw new CodedError('SESSION_TOO_OLD', 'a tally after the end of its session')
    }
    const bytes = Number(tally.bytes)
    if (bytes <= session.newestBytes) throw new CodedError('TALLY_ROLLED_BACK', 'a tally does not grow')
    const total = session.baseBytes + bytes
    if (!this.#window.accepts(total, Number(frame.waste))) {
      throw new CodedError('TALLY_TOO_HIGH', 'tally and waste exceed what was sent, or waste shrinks')
    }
    if (bytes > this.#context.numbering.payloadBytes) {
      throw new CodedError('TALLY_TOO_HIGH', 'a tally exceeds the payload of the share')
    }
    this.runsAdded(frame.added)
    if (!bytesEqual(tally.blocks, session.claimed.digest(sha256))) {
      throw new CodedError('TALLY_BLOCKS', 'the digest of the blocks is not that of their runs')
    }
    if (!(await ed25519.verify(tally.receiverKey, frame.signature, frame.tally))) {
      throw new CodedError('TALLY_SIGNATURE', 'the signature of the tally does not hold')
    }
    session.newestBytes = bytes
    const { payment } = frame
    store.tallied({
      session: session.id,
      tally: frame.tally,
      signature: frame.signature,
      bytes: tally.bytes,
      added: session.claimedSince.splice(0),
      ...(payment.length === 0 ? {} : { payment }),
    })
    if (this.#terms !== undefined && payment.length > 0) await this.#credit(payment, frame.tally, total)
    this.#settle(total, Number(frame.waste))
  }

  wasted(waste: bigint): void {
    if (!this.#window.accepts(this.signedBytes, Number(waste))) {
      throw new CodedError('WASTE_TOO_HIGH', 'more waste than was sent, or less than before')
    }
    this.#settle(this.signedBytes, Number(waste))
  }

  close(): void {
    this.#cancelLook?.()
    this.#terms?.finished()
  }

  #settle(total: number, waste: number): void {
    if (this.#window.settle(total, waste)) {
      this.#context.send({ type: 'window', window: BigInt(this.#window.windowBytes) })
    }
    this.wake()
  }

  async #credit(payment: Uint8Array, tally: Uint8Array, total: number): Promise<void> {
    const credited = await this.#terms!.credit(payment, digest(tally), BigInt(total))
    this.#paidBytes = Math.max(this.#paidBytes, Number(credited.paidBytes))
    this.#paidWei = credited.paidWei
  }

  #allowed(bytes: number): boolean {
    if (!this.#window.maySend(bytes)) return false
    if (this.#terms === undefined) return true
    if (this.#trade !== 'accepted') return false
    const unpaid = this.#window.sentBytes - this.#window.wasteBytes - this.#paidBytes
    return unpaid + bytes <= this.#terms.creditBytes(this.#window.windowBytes)
  }

  #ask(): void {
    const nowMs = this.#context.monotonicMs
    if (this.#session === undefined || nowMs - this.#askedAtMs < ASK_GAP_MS + SIGN_GAP_MS) return
    this.#askedAtMs = nowMs
    this.#context.queue.push(() => this.#context.send({ type: 'ask' }))
  }

  #begin(): void {
    if (this.#begun) return
    this.#begun = true
    if (this.#terms === undefined) this.#propose()
    else {
      this.#trade = 'offered'
      const { quote } = this.#terms
      this.#context.queue.push(() => this.#context.send({ type: 'offer', quote }))
    }
  }

  #propose(): void {
    this.#context.queue.push(() => this.#sendOpen())
  }

  async #sendOpen(): Promise<void> {
    const { parts, connection, share, nonce, peer } = this.#context
    const common = peer?.scopes[0]
    if (peer === undefined || common === undefined || this.#proposal !== undefined) return
    const openedS = Math.max(this.#context.nowS, (this.#session?.open.openedS ?? 0) + 1)
    const bytes = encodeOpen({
      scope: common.scope,
      share,
      senderKey: parts.swarmKey.publicKey,
      receiverKey: peer.swarmKey,
      senderNonce: nonce,
      receiverNonce: peer.nonce,
      openedS,
      quote: this.#terms?.quoteDigest ?? NO_QUOTE,
      transport: connection.transport,
    })
    const signature = await parts.ed25519.sign(parts.swarmKey, bytes)
    this.#proposal = { open: decodeOpen(bytes), bytes, id: sessionIdOf(bytes), signature, common }
    const window = BigInt(this.#window.windowBytes)
    this.#context.send({ type: 'open', open: bytes, signature, window })
  }

  #opened(): Session {
    if (this.#session === undefined) throw new CodedError('NO_SESSION', 'a tally before its session')
    return this.#session
  }
}
