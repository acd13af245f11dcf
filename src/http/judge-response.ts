/**
 * Whether a response is what a range request asked for, and if not, what to do about it.
 *
 * Source: RFC 9110 sections 8.4 (content codings), 15.3.7 (206), 15.5.17 (416).
 *
 * @module
 */
import { retryAfterMs } from './headers.ts'
import { parseContentRange } from './ranges.ts'

/**
 * `later`: the same request may work after a while. `missing`: the server does not have these bytes.
 * `choked`: sign tallies first. `never`: this server cannot or will not serve us.
 */
type Remedy = 'later' | 'missing' | 'choked' | 'never'

export type Refusal = {
  readonly ok: false
  readonly code: string
  readonly remedy: Remedy
  readonly retryAfterMs?: number | undefined
}
export type Verdict = { readonly ok: true } | Refusal

export type ResponseHead = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export type WantedRange = { readonly start: number; readonly end: number; readonly fileLength: number }

/** A server may ask us to wait, but not for ever. */
const RETRY_AFTER_MAX_MS = 300_000

const bad = (code: string, remedy: Remedy): Refusal => ({ ok: false, code, remedy })

export function judgeResponse({ status, headers }: ResponseHead, wanted: WantedRange): Verdict {
  if (status !== 200 && status !== 206) return judgeStatus(status, text(headers['retry-after']))
  const coding = text(headers['content-encoding'])?.toLowerCase() ?? 'identity'
  if (coding !== 'identity') return bad('CONTENT_CODED', 'never')
  const length = text(headers['content-length'])
  if (length !== undefined && Number(length) !== wanted.end - wanted.start) {
    return status === 200 ? bad('RANGE_IGNORED', 'never') : bad('WRONG_LENGTH', 'never')
  }
  if (status === 200) {
    const whole = wanted.start === 0 && wanted.end === wanted.fileLength
    return whole ? { ok: true } : bad('RANGE_IGNORED', 'never')
  }
  const range = parseContentRange(text(headers['content-range']))
  const exact =
    range?.start === wanted.start &&
    range.end === wanted.end &&
    (range.length ?? wanted.fileLength) === wanted.fileLength
  return exact ? { ok: true } : bad('WRONG_RANGE', 'never')
}

function judgeStatus(status: number, retryAfter: string | undefined): Refusal {
  const code = `HTTP_${status}`
  if (status === 429)
    return { ...bad(code, 'choked'), retryAfterMs: retryAfterMs(retryAfter, RETRY_AFTER_MAX_MS) }
  if (status === 404 || status === 410 || status === 416) return bad(code, 'missing')
  if (status === 408 || status >= 500) {
    return { ...bad(code, 'later'), retryAfterMs: retryAfterMs(retryAfter, RETRY_AFTER_MAX_MS) }
  }
  return bad(code, 'never')
}

const text = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : value?.[0]
