/**
 * Byte ranges: the `Range` header as a server reads it, `Content-Range` both ways, multipart framing.
 *
 * Source: RFC 9110 sections 14.1.2, 14.2, 14.4, 14.6, 15.5.17.
 *
 * @module
 */

/** Bytes [start, end). */
export type ByteRange = { readonly start: number; readonly end: number }

/**
 * `whole`: there is no usable Range header. `unsatisfiable`: 416, because nothing asked for exists or because
 * too much was asked for at once (section 15.5.17 allows that for many small or overlapping ranges).
 */
export type RangeOutcome =
  | { readonly kind: 'whole' }
  | { readonly kind: 'ranges'; readonly ranges: readonly ByteRange[] }
  | { readonly kind: 'unsatisfiable'; readonly code: 'RANGE_NOT_SATISFIABLE' | 'RANGE_EXCESSIVE' }

/** Ranges of one request. Ours: a part costs at least one read and a header. */
export const RANGES_MAX = 16
/** Ranges of one request that may overlap another one; RFC 9110 section 14.2 suggests two. */
export const OVERLAPS_MAX = 2

const WHOLE: RangeOutcome = { kind: 'whole' }
const SPEC = /^(?:(\d{1,19})-(\d{0,19})|-(\d{1,19}))$/

/**
 * Reads a Range header for a representation of `length` bytes. Malformed ones are ignored, as the RFC allows.
 */
export function parseRange(header: string | undefined, length: number): RangeOutcome {
  const specs = /^bytes=(.*)$/is.exec(header?.trim() ?? '')?.[1]?.split(',')
  if (specs === undefined) return WHOLE
  const ranges: ByteRange[] = []
  let specCount = 0
  for (const spec of specs) {
    const text = spec.trim()
    if (text === '') continue
    if (++specCount > RANGES_MAX) return { kind: 'unsatisfiable', code: 'RANGE_EXCESSIVE' }
    const range = parseSpec(text, length)
    if (range === 'malformed') return WHOLE
    if (range !== 'outside') ranges.push(range)
  }
  if (specCount === 0) return WHOLE
  if (ranges.length === 0) return { kind: 'unsatisfiable', code: 'RANGE_NOT_SATISFIABLE' }
  // A suffix of an empty file is all of it, which no 206 can say.
  if (ranges.some((range) => range.end === 0)) return WHOLE
  if (overlaps(ranges) > OVERLAPS_MAX) return { kind: 'unsatisfiable', code: 'RANGE_EXCESSIVE' }
  return { kind: 'ranges', ranges }
}

function parseSpec(text: string, length: number): ByteRange | 'malformed' | 'outside' {
  const [, first, last, suffix] = SPEC.exec(text) ?? []
  if (suffix !== undefined) {
    return Number(suffix) === 0 ? 'outside' : { start: Math.max(0, length - Number(suffix)), end: length }
  }
  if (first === undefined) return 'malformed'
  const start = Number(first)
  const end = last === '' ? length : Number(last) + 1
  if (last !== '' && end <= start) return 'malformed'
  return start >= length ? 'outside' : { start, end: Math.min(end, length) }
}

/** How many ranges start inside another one. */
function overlaps(ranges: readonly ByteRange[]): number {
  const sorted = ranges.toSorted((a, b) => a.start - b.start)
  let count = 0
  let reach = -1
  for (const { start, end } of sorted) {
    if (start < reach) count++
    reach = Math.max(reach, end)
  }
  return count
}

/** The Range header of one range. */
export const formatRange = ({ start, end }: ByteRange): string => `bytes=${start}-${end - 1}`

export const formatContentRange = ({ start, end }: ByteRange, length: number): string =>
  `bytes ${start}-${end - 1}/${length}`

/** A 206's Content-Range; `length` is undefined for `*`. Undefined when it is not one byte range. */
export function parseContentRange(
  header: string | undefined,
): (ByteRange & { readonly length: number | undefined }) | undefined {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(header?.trim() ?? '')
  if (match === null) return undefined
  const [start, end] = [Number(match[1]), Number(match[2]) + 1]
  const length = match[3] === '*' ? undefined : Number(match[3])
  return start < end && end <= (length ?? end) ? { start, end, length } : undefined
}

/** The text before each part of a multipart/byteranges body, and after the last one. */
export function multipartHeads(
  ranges: readonly ByteRange[],
  body: { readonly boundary: string; readonly contentType: string; readonly length: number },
): { readonly heads: readonly string[]; readonly tail: string } {
  const heads = ranges.map(
    (range, i) =>
      `${i === 0 ? '' : '\r\n'}--${body.boundary}\r\nContent-Type: ${body.contentType}\r\n` +
      `Content-Range: ${formatContentRange(range, body.length)}\r\n\r\n`,
  )
  return { heads, tail: `\r\n--${body.boundary}--\r\n` }
}
