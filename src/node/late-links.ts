/**
 * Tally links for connections that are made before the share is known (magnets): each waits, keeping what comes in,
 * and becomes a real link when the share's factory is there.
 *
 * @module
 */
import { DecodeError } from '../base/errors.ts'
import type { TallyCarrier, TallyLink, TallyLinkFactory, TallyLinkState } from '../tally/link.ts'

/** A peer says hello and offers; more than this before we know the share is abuse. */
const EARLY_FRAMES_MAX = 16

const SILENT: TallyLinkState = {
  peerSpeaksTallies: false,
  sentBytes: 0,
  tallyInBytes: 0,
  tallyOutBytes: 0,
  paidInWei: 0n,
  paidOutWei: 0n,
}

/** Nothing is sent or verified before the share is known, so only frames and the end can come early. */
class LateLink implements TallyLink {
  readonly #become: (factory: TallyLinkFactory) => TallyLink
  #real: TallyLink | undefined
  #frames: Uint8Array[] = []
  #closed = false

  constructor(become: (factory: TallyLinkFactory) => TallyLink) {
    this.#become = become
  }

  start(factory: TallyLinkFactory): void {
    if (this.#closed) return
    this.#real = this.#become(factory)
    for (const frame of this.#frames.splice(0)) this.#real.receiveFrame(frame)
  }

  receiveFrame(frame: Uint8Array): void {
    if (this.#real) {
      this.#real.receiveFrame(frame)
      return
    }
    if (this.#frames.length >= EARLY_FRAMES_MAX) {
      throw new DecodeError('EARLY_FRAMES', `more than ${EARLY_FRAMES_MAX} tally frames before the metadata`)
    }
    this.#frames.push(frame.slice())
  }

  maySend(bytes: number): boolean {
    return this.#real?.maySend(bytes) ?? false
  }

  sent(piece: number, begin: number, length: number, payloadBytes: number): void {
    this.#real?.sent(piece, begin, length, payloadBytes)
  }

  verified(piece: number, begin: number, length: number, payloadBytes: number): void {
    this.#real?.verified(piece, begin, length, payloadBytes)
  }

  wasted(payloadBytes: number): void {
    this.#real?.wasted(payloadBytes)
  }

  tick(nowMs: number): void {
    this.#real?.tick(nowMs)
  }

  async finish(): Promise<void> {
    await this.#real?.finish()
  }

  close(): void {
    this.#closed = true
    this.#frames = []
    this.#real?.close()
  }

  get state(): TallyLinkState {
    return this.#real?.state ?? SILENT
  }
}

export type LateLinks = {
  readonly factory: TallyLinkFactory
  /** The share is known: links made so far start, later ones are real at once. */
  start(factory: TallyLinkFactory): void
}

export function createLateLinks(): LateLinks {
  let real: TallyLinkFactory | undefined
  const waiting = new Set<{ link: LateLink; carrier: TallyCarrier }>()
  return {
    factory: (carrier, connection) => {
      if (real) return real(carrier, connection)
      const link = new LateLink((factory) => factory(carrier, connection))
      waiting.add({ link, carrier })
      return link
    },
    start(factory) {
      real = factory
      for (const { link, carrier } of waiting) {
        try {
          link.start(factory)
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error
          carrier.onViolation(error.code, error.message)
        }
      }
      waiting.clear()
    },
  }
}
