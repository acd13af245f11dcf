/**
 * When and what a seller claims: at a threshold, after an interval, at once when a channel is closing, or
 * when asked.
 *
 * Claiming what is claimed already pays nothing and costs a fee, so a claim that was under way when the
 * process was killed may safely be made again; the settler, which has its own journal, finishes the first
 * one anyway.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { toHex } from '../../base/bytes.ts'
import { CodedError } from '../../base/errors.ts'
import type { SellerSettings, SellerStatus } from '../seller.ts'
import type { SignedVoucher } from '../voucher.ts'
import type { SellerRecord, VoucherBook } from '../voucher-book.ts'
import { lesser } from '../wei.ts'
import type { ChannelWatch } from './channel-watch.ts'
import type { MoneyParts } from './parts.ts'

type ClaimerParts = {
  readonly settings: SellerSettings
  readonly parts: Pick<MoneyParts, 'settler' | 'clock' | 'random'>
  readonly book: VoucherBook
  readonly watch: ChannelWatch
  readonly note: (record: SellerRecord) => Promise<void>
  readonly isLive: (lane: number) => boolean
}

/** Each costs some 35,000 gas: well inside a block. */
const VOUCHERS_PER_CLAIM = 100
const LOOK_AGAIN_MS = 250
const RETRY_MS = 10_000

export class Claimer {
  readonly #parts: ClaimerParts
  #claiming: Promise<void> | undefined
  #notBeforeMs = 0
  #stopped = false

  constructor(parts: ClaimerParts) {
    this.#parts = parts
  }

  stop(): void {
    this.#stopped = true
  }

  status(): Pick<SellerStatus, 'unclaimedWei' | 'claimedWei'> {
    const { book, watch } = this.#parts
    let unclaimedWei = 0n
    let claimedWei = 0n
    for (const channel of book.channelIds) {
      unclaimedWei += this.#claimableWei(channel)
      claimedWei += watch.view(channel)?.claimedWei ?? 0n
    }
    return { unclaimedWei, claimedWei }
  }

  tick(): void {
    if (this.#claiming !== undefined || this.#parts.parts.clock.monotonicMs() < this.#notBeforeMs) return
    const due = this.#parts.book.channelIds.filter((channel) => this.#isDue(channel))
    if (due.length === 0) return
    void this.#claim(due).catch(() => {
      this.#notBeforeMs = this.#parts.parts.clock.monotonicMs() + RETRY_MS
    })
  }

  /** Claims until nothing claimable is left. */
  async claimAll(): Promise<void> {
    const { book, watch } = this.#parts
    for (;;) {
      await this.#claiming?.catch(() => {})
      if (this.#stopped) throw new CodedError('SELLER_CLOSED', 'the seller is closed')
      for (const channel of book.channelIds) await watch.look(channel)
      if (book.channelIds.some((channel) => watch.view(channel) === undefined)) {
        await sleep(LOOK_AGAIN_MS) // the chain was not reached: it alone can say what there is to claim
        continue
      }
      const open = book.channelIds.filter(
        (channel) => this.#claimableWei(channel) > 0n && book.oldestUnclaimedMs(channel) !== undefined,
      )
      if (open.length === 0) return
      await this.#claim(open)
    }
  }

  #claimableWei(channel: Uint8Array): bigint {
    const { book, watch } = this.#parts
    const view = watch.view(channel)
    if (view === undefined) return 0n
    const claimable = lesser(book.promisedWei(channel), view.amountWei) - view.claimedWei
    return claimable > 0n ? claimable : 0n
  }

  #isDue(channel: Uint8Array): boolean {
    const { settings, parts, book, watch } = this.#parts
    const claimable = this.#claimableWei(channel)
    if (claimable === 0n) return false
    if (claimable >= settings.claimThresholdWei || watch.view(channel)?.closing === true) return true
    const sinceMs = book.oldestUnclaimedMs(channel) ?? Number.POSITIVE_INFINITY
    return parts.clock.nowMs() - sinceMs >= settings.claimIntervalMs
  }

  #claim(channels: readonly Uint8Array[]): Promise<void> {
    this.#claiming = this.#claimNow(channels).finally(() => {
      this.#claiming = undefined
    })
    return this.#claiming
  }

  async #claimNow(channels: readonly Uint8Array[]): Promise<void> {
    const { parts, book, watch } = this.#parts
    const vouchers: SignedVoucher[] = []
    for (const channel of channels)
      vouchers.push(...book.unclaimed(channel, VOUCHERS_PER_CLAIM - vouchers.length))
    if (vouchers.length === 0) return
    const id = `claim-${toHex(parts.random.bytes(16))}`
    await parts.settler.settle(id, { type: 'claim', vouchers })
    for (const [, lanes] of Map.groupBy(vouchers, ({ channel }) => toHex(channel))) {
      const { channel } = lanes[0]!
      const view = await watch.look(channel)
      if (view === undefined) continue
      // Unless the allocation was the limit, every voucher that went in was paid in full.
      const paidInFull = view.claimedWei < view.amountWei || view.claimedWei >= book.promisedWei(channel)
      if (paidInFull) await this.#noteClaimed(channel, lanes)
    }
  }

  async #noteClaimed(channel: Uint8Array, lanes: readonly SignedVoucher[]): Promise<void> {
    const { book, note, isLive } = this.#parts
    for (const { lane, cumulativeWei } of lanes) {
      await note({ type: 'claimed', channel, lane, amountWei: cumulativeWei })
    }
    for (const record of book.retirable(channel, isLive)) await note(record)
  }
}
