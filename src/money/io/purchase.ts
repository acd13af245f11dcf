/**
 * One download's spending, and the terms of each of its connections.
 *
 * @module
 */
import { toHex } from '../../base/bytes.ts'
import { CodedError, DecodeError } from '../../base/errors.ts'
import type { BuyerTerms } from '../../tally/terms.ts'
import { encodeAcceptance } from '../acceptance.ts'
import type { EvmAddress } from '../address.ts'
import type { BuyerSettings, Purchase } from '../buyer.ts'
import { domainSeparator } from '../eip712.ts'
import { checkQuote, decodeQuote, quoteDigest, type SignedQuote } from '../quote.ts'
import type { BuyerRecord, SpendBook } from '../spend-book.ts'
import { encodeVoucher, voucherDigest } from '../voucher.ts'
import { greater, lesser, owed } from '../wei.ts'
import type { Allocator } from './allocator.ts'
import type { MoneyParts } from './parts.ts'

export type PurchaseLimits = {
  readonly share: Uint8Array
  readonly priceWeiPerMibMax: bigint
  readonly spendWeiMax: bigint
}
type PurchaseParts = {
  readonly settings: BuyerSettings
  readonly parts: Pick<MoneyParts, 'wallet' | 'driver' | 'clock'>
  readonly book: SpendBook
  readonly allocator: Allocator
  /** Applies a record to the book and journals it. */
  readonly note: (record: BuyerRecord) => Promise<void>
  /** Journals only. */
  readonly append: (record: BuyerRecord) => Promise<void>
}

/** Promises are journalled ahead for this many bytes: one write per 16 MiB. */
const RESERVE_BYTES = 16n << 20n
const DELIVERIES_MAX = 4096

export class JournalPurchase implements Purchase {
  readonly #limits: PurchaseLimits
  readonly #parts: PurchaseParts
  readonly #share: string
  /** Bytes delivered without vouchers, by payee and price. */
  readonly #delivered = new Map<string, bigint>()

  constructor(limits: PurchaseLimits, parts: PurchaseParts) {
    this.#limits = limits
    this.#parts = parts
    this.#share = toHex(limits.share)
  }

  get spentWei(): bigint {
    return this.#parts.book.spentOn(this.#share)
  }

  /** What the download's limit and the budget leave. */
  get remainingWei(): bigint {
    const { settings, book } = this.#parts
    const left = lesser(this.#limits.spendWeiMax - this.spentWei, settings.budgetWei - book.totalWei)
    return left > 0n ? left : 0n
  }

  terms(expected: { readonly payee?: EvmAddress } = {}): BuyerTerms {
    return new PurchaseSession({
      ...this.#parts,
      limits: this.#limits,
      share: this.#share,
      purchase: this,
      expected,
    })
  }

  payVerified({ payee, bytes, priceWeiPerMib }: Parameters<Purchase['payVerified']>[0]): {
    notedWei: bigint
  } {
    const price = lesser(priceWeiPerMib, this.#limits.priceWeiPerMibMax)
    const key = `${payee} ${price}`
    const before = this.#delivered.get(key) ?? 0n
    if (before === 0n && this.#delivered.size >= DELIVERIES_MAX) return { notedWei: 0n }
    this.#delivered.set(key, before + bytes)
    // On the running total, so that rounding does not add up.
    const amountWei = lesser(owed(before + bytes, price) - owed(before, price), this.remainingWei)
    if (amountWei > 0n) {
      // Not awaited: a failed journal stops all settling anyway, and says so there.
      void this.#parts.note({ type: 'accrued', share: this.#share, payee, amountWei }).catch(() => {})
    }
    return { notedWei: amountWei }
  }
}

type SessionParts = PurchaseParts & {
  readonly limits: PurchaseLimits
  readonly share: string
  readonly purchase: JournalPurchase
  readonly expected: { readonly payee?: EvmAddress }
}

class PurchaseSession implements BuyerTerms {
  readonly #parts: SessionParts
  #quote: SignedQuote | undefined
  #channel: Uint8Array | undefined
  #signedWei = 0n
  #reservedWei = 0n
  #reserved: Promise<void> = Promise.resolve()

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  async judge(bytes: Uint8Array): ReturnType<BuyerTerms['judge']> {
    const { limits, parts, allocator, expected } = this.#parts
    try {
      const quote = decodeQuote(bytes)
      const refusal = checkQuote(quote, {
        network: parts.driver.network,
        share: limits.share,
        nowMs: parts.clock.nowMs(),
        priceWeiPerMibMax: limits.priceWeiPerMibMax,
        self: parts.wallet.address,
        ...expected,
      })
      if (refusal !== undefined) return { ok: false, reason: refusal }
      const digest = quoteDigest(quote)
      if ((await parts.wallet.recover(digest, quote.signature)) !== quote.payee) {
        return { ok: false, reason: 'quote-bad-signature' }
      }
      const refused = this.#room(quote)
      if (refused !== undefined) return { ok: false, reason: refused }
      const { salt, channel } = allocator
      this.#quote = quote
      this.#channel = channel
      this.#wantAllocation(quote)
      const acceptance = encodeAcceptance({ quote: digest, payer: parts.wallet.address, salt, channel })
      return { ok: true, quoteDigest: digest, acceptance, priceWeiPerMib: quote.priceWeiPerMib }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      return {
        ok: false,
        reason: error.code.startsWith('SIGNATURE_') ? 'quote-bad-signature' : 'quote-malformed',
      }
    }
  }

  async pay(tallyDigest: Uint8Array, tallyBytes: bigint): ReturnType<BuyerTerms['pay']> {
    const quote = this.#quote
    const channel = this.#channel
    if (quote === undefined || channel === undefined)
      throw new CodedError('QUOTE_MISSING', 'no quote was accepted')
    const totalWei = owed(tallyBytes, quote.priceWeiPerMib)
    if (totalWei < this.#signedWei) throw new CodedError('TALLY_ROLLED_BACK', 'a tally went backwards')
    await this.#promise(quote, totalWei)
    this.#wantAllocation(quote)
    const { wallet, driver } = this.#parts.parts
    const { payee, lane } = quote
    const voucher = { channel, payee, lane, cumulativeWei: totalWei, tally: tallyDigest }
    const signature = await wallet.sign(voucherDigest(domainSeparator(driver.network), voucher))
    return { payment: encodeVoucher({ ...voucher, signature }), totalWei }
  }

  finished(): void {
    const quote = this.#quote
    if (quote === undefined || this.#reservedWei === this.#signedWei) return
    void this.#reserve(quote, this.#signedWei).catch(() => {})
  }

  #room(quote: SignedQuote): string | undefined {
    const { settings, allocator, purchase } = this.#parts
    if (quote.priceWeiPerMib > 0n && purchase.remainingWei === 0n) return 'spend-limit'
    if (!allocator.knows(quote.payee) && allocator.payees >= settings.payeesMax) return 'too-many-payees'
    return undefined
  }

  /**
   * Keeps the allocation ahead by as much as was promised so far, so that raises become rare, but by no
   * more than a fair part of what the budget leaves, so that one payee does not lock what others could
   * earn. It is raised when half of that is used, or when what is left would not take another window; at
   * the end it covers the last byte.
   */
  #wantAllocation({ payee, priceWeiPerMib, windowBytes }: SignedQuote): void {
    const { settings, purchase, book, allocator } = this.#parts
    const { remainingWei } = purchase
    const windowWei = owed(BigInt(windowBytes), priceWeiPerMib)
    const growingWei = greater(owed(settings.allocationBytes, priceWeiPerMib), book.promisedTo(payee))
    const fairWei = (settings.budgetWei - book.totalWei) / BigInt(Math.max(8, 3 * (allocator.payees + 1)))
    const aheadWei = greater(2n * windowWei, lesser(growingWei, fairWei))
    allocator.want(
      payee,
      lesser(aheadWei, remainingWei),
      lesser(greater(aheadWei / 2n, windowWei), remainingWei),
    )
  }

  /** Counts the promise at once, and waits for the journal only when the reserved amount is used up. */
  async #promise(quote: SignedQuote, totalWei: bigint): Promise<void> {
    const { purchase, book, share } = this.#parts
    const neededWei = totalWei - this.#signedWei
    if (neededWei > purchase.remainingWei) {
      throw new CodedError('SPEND_LIMIT', 'the limit of this download, or the budget, is used up', {
        details: { neededWei, remainingWei: purchase.remainingWei },
      })
    }
    this.#signedWei = totalWei
    book.apply({ type: 'promised', share, payee: quote.payee, lane: quote.lane, amountWei: totalWei })
    if (totalWei > this.#reservedWei) {
      const aheadWei = lesser(owed(RESERVE_BYTES, quote.priceWeiPerMib), purchase.remainingWei)
      this.#reserved = this.#reserve(quote, totalWei + aheadWei)
    }
    await this.#reserved
  }

  /** Only the journal learns of the reservation: limits go by what was really signed. */
  #reserve({ payee, lane }: SignedQuote, amountWei: bigint): Promise<void> {
    this.#reservedWei = amountWei
    return this.#parts.append({ type: 'promised', share: this.#parts.share, payee, lane, amountWei })
  }
}
