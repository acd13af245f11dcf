/**
 * What a seller has last seen of its allocations on chain, and when to look again.
 *
 * A view stays when the chain cannot be read: the seller then serves within what it last saw confirmed.
 *
 * @module
 */
import { toHex } from '../../base/bytes.ts'
import type { AllocationView } from '../driver.ts'
import type { SellerSettings } from '../seller.ts'
import type { SellerRecord, VoucherBook } from '../voucher-book.ts'
import type { MoneyParts } from './parts.ts'

type Watched = {
  view?: AllocationView
  lookedAtMs: number
  waitMs: number
  looking?: Promise<void> | undefined
}
type WatchParts = {
  readonly settings: SellerSettings
  readonly parts: Pick<MoneyParts, 'driver' | 'wallet' | 'clock'>
  readonly book: VoucherBook
  readonly note: (record: SellerRecord) => Promise<void>
}

const LOOK_MIN_MS = 100
const LOOK_MAX_MS = 1_000
/** Reads at one time: many channels must not become a burst of requests. */
const LOOKS_MAX = 8

export class ChannelWatch {
  readonly #parts: WatchParts
  readonly #channels = new Map<string, Watched>()
  #looks = 0

  constructor(parts: WatchParts) {
    this.#parts = parts
  }

  view(channel: Uint8Array): AllocationView | undefined {
    return this.#channels.get(toHex(channel))?.view
  }

  /** Looks now; failures leave the last view. */
  async look(channel: Uint8Array): Promise<AllocationView | undefined> {
    const watched = this.#watched(channel)
    watched.looking ??= this.#read(channel, watched).finally(() => {
      watched.looking = undefined
    })
    await watched.looking
    return watched.view
  }

  /**
   * Looks at channels that are due: those `urgent` more and more slowly, the others each `claimIntervalMs`.
   */
  tick(active: readonly Uint8Array[], urgent: (channel: Uint8Array) => boolean): void {
    const nowMs = this.#parts.parts.clock.monotonicMs()
    for (const channel of [...active, ...this.#parts.book.channelIds]) {
      if (this.#looks >= LOOKS_MAX) return
      const watched = this.#watched(channel)
      const isUrgent = urgent(channel)
      const intervalMs = isUrgent ? watched.waitMs : this.#parts.settings.claimIntervalMs
      if (watched.looking !== undefined || nowMs - watched.lookedAtMs < intervalMs) continue
      watched.waitMs = isUrgent ? Math.min(2 * watched.waitMs, LOOK_MAX_MS) : LOOK_MIN_MS
      void this.look(channel)
    }
  }

  async stopped(): Promise<void> {
    await Promise.all([...this.#channels.values()].map(({ looking }) => looking))
  }

  async #read(channel: Uint8Array, watched: Watched): Promise<void> {
    const { driver, wallet, clock } = this.#parts.parts
    this.#looks++
    try {
      const view = await driver.allocation(channel, wallet.address)
      if (view.amountWei !== watched.view?.amountWei) watched.waitMs = LOOK_MIN_MS
      watched.view = view
      if (view.amountWei > 0n && !this.#parts.book.isCovered(channel)) {
        await this.#parts.note({ type: 'covered', channel })
      }
    } catch {
      // The driver's health says why; the view stays as it was.
    } finally {
      this.#looks--
      watched.lookedAtMs = clock.monotonicMs()
    }
  }

  #watched(channel: Uint8Array): Watched {
    const key = toHex(channel)
    const known = this.#channels.get(key)
    if (known !== undefined) return known
    const watched: Watched = { lookedAtMs: Number.NEGATIVE_INFINITY, waitMs: LOOK_MIN_MS }
    this.#channels.set(key, watched)
    return watched
  }
}
