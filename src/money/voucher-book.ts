/**
 * A seller's vouchers: the best one of each lane of each channel, and what of it is claimed.
 *
 * Amounts of a channel are totals over its life, as allocations on chain are: claiming changes neither.
 * Lanes are numbered by the seller and never used twice, also after a crash: numbers are reserved in blocks.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import type { SignedVoucher } from './voucher.ts'

export type SellerRecord =
  /** Lane numbers below this may have been given out. */
  | { readonly type: 'lanes'; readonly below: number }
  | { readonly type: 'voucher'; readonly voucher: SignedVoucher; readonly atMs: number }
  /** The chain was seen to back this channel: from now on its vouchers are kept until claimed. */
  | { readonly type: 'covered'; readonly channel: Uint8Array }
  /** Everything up to this amount of a lane was claimed. */
  | {
      readonly type: 'claimed'
      readonly channel: Uint8Array
      readonly lane: number
      readonly amountWei: bigint
    }
  /** The lane's session is over and all is claimed: only its amount is remembered. */
  | {
      readonly type: 'retired'
      readonly channel: Uint8Array
      readonly lane?: number
      readonly amountWei: bigint
    }

type Lane = { best: SignedVoucher; claimedWei: bigint; atMs: number }
type Channel = {
  readonly id: Uint8Array
  readonly lanes: Map<number, Lane>
  retiredWei: bigint
  covered: boolean
}

/** Vouchers of channels that the chain never backed are forgotten after this long. */
const UNCOVERED_KEPT_MS = 7 * 86_400_000

export class VoucherBook {
  readonly #channels = new Map<string, Channel>()
  #lanesBelow = 0

  /** The first lane number that was surely never given out. */
  get lanesBelow(): number {
    return this.#lanesBelow
  }

  get channelIds(): Uint8Array[] {
    return [...this.#channels.values()].map(({ id }) => id)
  }

  apply(record: SellerRecord): void {
    switch (record.type) {
      case 'lanes':
        this.#lanesBelow = Math.max(this.#lanesBelow, record.below)
        return
      case 'voucher':
        this.#applyVoucher(record.voucher, record.atMs)
        return
      case 'covered':
        this.#channel(record.channel).covered = true
        return
      case 'claimed': {
        const lane = this.#channel(record.channel).lanes.get(record.lane)
        if (lane !== undefined && record.amountWei > lane.claimedWei) lane.claimedWei = record.amountWei
        return
      }
      case 'retired': {
        const channel = this.#channel(record.channel)
        if (record.lane !== undefined) channel.lanes.delete(record.lane)
        channel.retiredWei += record.amountWei
        return
      }
    }
    record satisfies never
  }

  best(channel: Uint8Array, lane: number): SignedVoucher | undefined {
    return this.#channels.get(toHex(channel))?.lanes.get(lane)?.best
  }

  isCovered(channel: Uint8Array): boolean {
    return this.#channels.get(toHex(channel))?.covered ?? false
  }

  /** The sum of all lanes' best vouchers, one lane left out when asked. */
  promisedWei(channel: Uint8Array, withoutLane?: number): bigint {
    const entry = this.#channels.get(toHex(channel))
    let sum = entry?.retiredWei ?? 0n
    for (const [number, { best }] of entry?.lanes ?? []) if (number !== withoutLane) sum += best.cumulativeWei
    return sum
  }

  /** Best vouchers above what is known to be claimed, oldest first, at most `max`. */
  unclaimed(channel: Uint8Array, max: number): SignedVoucher[] {
    return this.#open(channel)
      .slice(0, max)
      .map(({ best }) => best)
  }

  /** When the oldest unclaimed voucher of the channel came in; undefined when there is none. */
  oldestUnclaimedMs(channel: Uint8Array): number | undefined {
    return this.#open(channel)[0]?.atMs
  }

  /** Lanes wholly claimed that are not `live`: records that retire them. */
  retirable(channel: Uint8Array, isLive: (lane: number) => boolean): SellerRecord[] {
    const lanes = this.#channels.get(toHex(channel))?.lanes ?? new Map<number, Lane>()
    return [...lanes]
      .filter(([lane, { best, claimedWei }]) => claimedWei >= best.cumulativeWei && !isLive(lane))
      .map(([lane, { best }]) => ({ type: 'retired', channel, lane, amountWei: best.cumulativeWei }))
  }

  /** An equivalent, shorter list of records, without old vouchers that nothing ever stood behind. */
  records(nowMs: number): SellerRecord[] {
    const records: SellerRecord[] = [{ type: 'lanes', below: this.#lanesBelow }]
    for (const { id, lanes, retiredWei, covered } of this.#channels.values()) {
      const kept = [...lanes].filter(([, { atMs }]) => covered || nowMs - atMs < UNCOVERED_KEPT_MS)
      if (covered) records.push({ type: 'covered', channel: id })
      if (retiredWei > 0n) records.push({ type: 'retired', channel: id, amountWei: retiredWei })
      for (const [lane, { best, claimedWei, atMs }] of kept) {
        records.push({ type: 'voucher', voucher: best, atMs })
        if (claimedWei > 0n) records.push({ type: 'claimed', channel: id, lane, amountWei: claimedWei })
      }
    }
    return records
  }

  #applyVoucher(voucher: SignedVoucher, atMs: number): void {
    const { lanes } = this.#channel(voucher.channel)
    const lane = lanes.get(voucher.lane)
    if (lane === undefined) {
      lanes.set(voucher.lane, { best: voucher, claimedWei: 0n, atMs })
      return
    }
    assert(voucher.cumulativeWei >= lane.best.cumulativeWei, 'a better voucher replaces a worse one')
    if (lane.claimedWei >= lane.best.cumulativeWei) lane.atMs = atMs // what is unclaimed begins with this one
    lane.best = voucher
  }

  #open(channel: Uint8Array): Lane[] {
    const lanes = this.#channels.get(toHex(channel))?.lanes.values() ?? []
    return [...lanes]
      .filter(({ best, claimedWei }) => best.cumulativeWei > claimedWei)
      .sort((a, b) => a.atMs - b.atMs)
  }

  #channel(id: Uint8Array): Channel {
    const key = toHex(id)
    const known = this.#channels.get(key)
    if (known !== undefined) return known
    const channel: Channel = { id, lanes: new Map(), retiredWei: 0n, covered: false }
    this.#channels.set(key, channel)
    return channel
  }
}
