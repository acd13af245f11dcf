/**
 * One session of a seller: its quote, the channel that accepted it, and the judge of its payments.
 *
 * @module
 */
import { bytesEqual, toHex } from '../../base/bytes.ts'
import { CodedError } from '../../base/errors.ts'
import type { SellerTerms } from '../../tally/terms.ts'
import { type Acceptance, decodeAcceptance } from '../acceptance.ts'
import { type CoverInput, coveredBytes, paidBytes, servableBytes } from '../cover.ts'
import { domainSeparator } from '../eip712.ts'
import type { Quote } from '../quote.ts'
import { decodeVoucher, type SignedVoucher, voucherDigest } from '../voucher.ts'
import type { SellerRecord, VoucherBook } from '../voucher-book.ts'
import { greater, lesser, owed } from '../wei.ts'
import type { ChannelWatch } from './channel-watch.ts'
import type { MoneyParts } from './parts.ts'

type SaleParts = {
  readonly quote: Quote
  readonly quoteBytes: Uint8Array
  readonly digest: Uint8Array
  readonly parts: Pick<MoneyParts, 'wallet' | 'driver' | 'clock'>
  readonly book: VoucherBook
  readonly watch: ChannelWatch
  readonly note: (record: SellerRecord) => Promise<void>
  /**
   * Whether this channel, which nothing backs yet, gets a window all the same. @throws `TOO_MANY_UNCOVERED`
   */
  readonly takeFreeWindow: (channel: Uint8Array) => boolean
  readonly ended: (session: SaleSession) => void
}
type Paid = { paidBytes: bigint; paidWei: bigint }

export class SaleSession implements SellerTerms {
  readonly #parts: SaleParts
  #acceptance: Acceptance | undefined
  #freeWindow = false
  #tallyBytes = 0n
  #reportedPaidBytes = 0n
  #judging: Promise<unknown> = Promise.resolve()
  #ended = false

  constructor(parts: SaleParts) {
    this.#parts = parts
  }

  get quote(): Uint8Array {
    return this.#parts.quoteBytes
  }

  get quoteDigest(): Uint8Array {
    return this.#parts.digest
  }

  get lane(): number {
    return this.#parts.quote.lane
  }

  get channel(): Uint8Array | undefined {
    return this.#acceptance?.channel
  }

  get usesFreeWindow(): boolean {
    return this.#freeWindow && coveredBytes(this.#cover()) === 0n
  }

  /** The channel (hex) as a list of one while its allocation is missing or nearly used. */
  get waitsForCover(): string[] {
    if (this.#acceptance === undefined) return []
    const ahead = coveredBytes(this.#cover()) - this.#tallyBytes
    return ahead < 2n * BigInt(this.#parts.quote.windowBytes) ? [toHex(this.#acceptance.channel)] : []
  }

  async accepted(bytes: Uint8Array): Promise<void> {
    if (this.#acceptance !== undefined)
      throw new CodedError('ACCEPTANCE_TWICE', 'the quote was accepted already')
    const acceptance = decodeAcceptance(bytes, this.#parts.parts.driver.network)
    if (!bytesEqual(acceptance.quote, this.#parts.digest)) {
      throw new CodedError('ACCEPTANCE_WRONG_QUOTE', 'the acceptance is of another quote')
    }
    if (this.#parts.parts.clock.nowMs() / 1000 >= this.#parts.quote.expiresS) {
      throw new CodedError('QUOTE_EXPIRED', 'the quote was accepted too late')
    }
    this.#acceptance = acceptance
    const view = this.#parts.watch.view(acceptance.channel)
    if (view?.closing === true) throw new CodedError('CHANNEL_CLOSING', 'the channel is being closed')
    if (coveredBytes(this.#cover()) === 0n) this.#freeWindow = this.#parts.takeFreeWindow(acceptance.channel)
    // Not awaited: the chain may be down, and the first window does not need it.
    void this.#parts.watch.look(acceptance.channel)
  }

  credit(payment: Uint8Array, tallyDigest: Uint8Array, tallyBytes: bigint): Promise<Paid> {
    if (this.#ended) return Promise.reject(new CodedError('SESSION_ENDED', 'the session is over'))
    const judged = this.#judging.then(() => this.#judge(payment, tallyDigest, tallyBytes))
    this.#judging = judged.catch(() => {})
    return judged
  }

  creditBytes(windowBytes: number): number {
    if (this.#acceptance === undefined || this.#ended) return 0
    return servableBytes(this.#cover(), this.#reportedPaidBytes, windowBytes)
  }

  finished(): void {
    if (this.#ended) return
    this.#ended = true
    this.#freeWindow = false
    // A last voucher may still be under judgement: the lane lives until it is kept.
    void this.#judging.then(() => this.#parts.ended(this))
  }

  async #judge(payment: Uint8Array, tallyDigest: Uint8Array, tallyBytes: bigint): Promise<Paid> {
    const voucher = decodeVoucher(payment)
    const { book, note, parts } = this.#parts
    this.#checkFields(voucher, tallyDigest, tallyBytes)
    const best = book.best(voucher.channel, voucher.lane)
    const isBetter = best === undefined || voucher.cumulativeWei > best.cumulativeWei
    if (isBetter) {
      await this.#checkSigner(voucher)
      await note({ type: 'voucher', voucher, atMs: parts.clock.nowMs() })
    }
    this.#tallyBytes = tallyBytes
    // Never less than before: the link keeps the highest, and `creditBytes` is counted from it.
    this.#reportedPaidBytes = greater(paidBytes(this.#cover()), this.#reportedPaidBytes)
    const { priceWeiPerMib } = this.#parts.quote
    return {
      paidBytes: this.#reportedPaidBytes,
      paidWei: lesser(voucher.cumulativeWei, owed(this.#reportedPaidBytes, priceWeiPerMib)),
    }
  }

  /** Everything that costs nothing to check. */
  #checkFields(voucher: SignedVoucher, tallyDigest: Uint8Array, tallyBytes: bigint): void {
    const { quote, book } = this.#parts
    const refuse = (code: string, message: string) => {
      throw new CodedError(`VOUCHER_${code}`, message, { details: { lane: voucher.lane } })
    }
    if (this.#acceptance === undefined)
      throw new CodedError('VOUCHER_UNEXPECTED', 'no quote was accepted yet')
    if (!bytesEqual(voucher.channel, this.#acceptance.channel))
      refuse('WRONG_CHANNEL', 'another channel was agreed')
    if (voucher.payee !== quote.payee) refuse('WRONG_PAYEE', 'the voucher is for somebody else')
    if (voucher.lane !== quote.lane) refuse('WRONG_LANE', `expected lane ${quote.lane}`)
    if (!bytesEqual(voucher.tally, tallyDigest)) refuse('WRONG_TALLY', 'the voucher is for another tally')
    if (tallyBytes < this.#tallyBytes) refuse('ROLLED_BACK', 'the tally is below an earlier one')
    const best = book.best(voucher.channel, voucher.lane)
    if (best !== undefined && voucher.cumulativeWei < best.cumulativeWei) {
      refuse('ROLLED_BACK', 'the voucher is below an earlier one')
    }
    if (voucher.cumulativeWei < owed(tallyBytes, quote.priceWeiPerMib)) {
      refuse('TOO_LOW', 'the voucher is below the price of the tally')
    }
  }

  async #checkSigner(voucher: SignedVoucher): Promise<void> {
    const { parts } = this.#parts
    const digest = voucherDigest(domainSeparator(parts.driver.network), voucher)
    const signer = await parts.wallet.recover(digest, voucher.signature)
    if (signer === this.#acceptance?.payer) return
    throw new CodedError('VOUCHER_WRONG_SIGNER', 'the voucher is not signed by the payer of its channel')
  }

  #cover(): CoverInput {
    const { quote, book, watch } = this.#parts
    const channel = this.#acceptance?.channel
    return {
      allocation: channel === undefined ? undefined : watch.view(channel),
      otherLanesWei: channel === undefined ? 0n : book.promisedWei(channel, quote.lane),
      priceWeiPerMib: quote.priceWeiPerMib,
      tallyBytes: this.#tallyBytes,
      mayUseFreeWindow: this.#freeWindow,
      freeWindowBytes: quote.windowBytes,
    }
  }
}
