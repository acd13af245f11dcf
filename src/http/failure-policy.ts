/**
 * What a source does about failed requests: wait, give pieces up, or end.
 *
 * @module
 */
import { codeOf } from '../base/errors.ts'
import type { Refusal } from './judge-response.ts'

export type FailureDecision =
  | { readonly kind: 'missing' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'end'; readonly code: string }

export type FailurePolicySettings = {
  /** Failures in a row, on any connection, that end the source. */
  readonly failuresMax: number
  readonly backoffMs: { readonly first: number; readonly max: number }
}

/** Between two tries of a connection that must sign tallies before it gets more. */
const CHOKED_MS = 500
/** Failures that no retry mends. */
const FATAL = new Set([
  'ADDRESS_REFUSED',
  'REDIRECT_DOWNGRADE',
  'REDIRECT_LOOP',
  'URL_CREDENTIALS',
  'URL_MALFORMED',
  'URL_SCHEME',
])
/** How many different codes are counted: servers choose their statuses. */
const CODES_MAX = 64

export class FailurePolicy {
  readonly #settings: FailurePolicySettings
  readonly #counts: Record<string, number> = {}
  #inRow = 0

  constructor(settings: FailurePolicySettings) {
    this.#settings = settings
  }

  /** By code. */
  get counts(): Readonly<Record<string, number>> {
    return { ...this.#counts }
  }

  succeeded(): void {
    this.#inRow = 0
  }

  /** `refusal` is the server's answer, when it gave one; `fraction` in [0, 1) is the chance. */
  decide(error: unknown, refusal: Refusal | undefined, fraction: number): FailureDecision {
    const code = codeOf(error)
    this.#count(code)
    if (refusal?.remedy === 'missing') return { kind: 'missing' }
    if (refusal?.remedy === 'never' || FATAL.has(code)) return { kind: 'end', code }
    if (refusal?.remedy === 'choked') return { kind: 'wait', ms: refusal.retryAfterMs ?? CHOKED_MS }
    if (++this.#inRow >= this.#settings.failuresMax) return { kind: 'end', code }
    const ms = refusal?.retryAfterMs ?? backoffMs(this.#inRow, this.#settings.backoffMs, fraction)
    return { kind: 'wait', ms }
  }

  #count(code: string): void {
    if (this.#counts[code] !== undefined || Object.keys(this.#counts).length < CODES_MAX) {
      this.#counts[code] = (this.#counts[code] ?? 0) + 1
    }
  }
}

/** Doubling, bounded, with jitter so that clients do not march in step: between half and all of it. */
function backoffMs(
  failures: number,
  { first, max }: FailurePolicySettings['backoffMs'],
  fraction: number,
): number {
  return Math.min(max, first * 2 ** Math.min(failures - 1, 30)) * (0.5 + fraction / 2)
}
