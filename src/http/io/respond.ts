/**
 * Answers one request for a representation: preconditions, ranges, tally window, headers, body.
 *
 * Source: RFC 9110 sections 13.2.2 (order of preconditions), 14 (ranges), 15.3.7 (206), 15.5.17 (416).
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { checkPreconditions, rangeApplies } from '../conditions.ts'
import { ALLOWANCE_HEADER } from '../frames.ts'
import { contentDisposition } from '../headers.ts'
import { type ByteRange, formatContentRange, multipartHeads, parseRange } from '../ranges.ts'
import { cacheControl, HttpFault, type Representation } from '../representation.ts'
import { type BodyParts, sendRange, writeBytes } from './send-body.ts'
import type { ServerSession } from './server-session.ts'

export type RespondParts = BodyParts & {
  readonly session: ServerSession | undefined
  readonly allowanceWaitMs: number
  /** Separates parts of multipart bodies; random, so that no file can hold it on purpose. */
  readonly boundary: string
}

export type Exchange = { readonly req: IncomingMessage; readonly res: ServerResponse }

/** What of a representation is asked for; `partial` makes it a 206. */
type Selection = { readonly ranges: readonly ByteRange[]; readonly partial: boolean }

/** A holder of a part is asked again after this; long enough for a piece to come in. */
const PARTIAL_RETRY_S = '10'

/** @throws {HttpFault} before any header is sent; CodedError after that (the connection is then useless) */
export async function respond(
  { req, res }: Exchange,
  body: Representation,
  parts: RespondParts,
): Promise<void> {
  describe(res, body)
  if (body.etag !== undefined) {
    const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = req.headers
    const verdict = checkPreconditions({ ifMatch, ifNoneMatch }, body.etag)
    if (verdict === 'failed') throw new HttpFault(412, 'PRECONDITION_FAILED', 'the entity tag is another one')
    if (verdict === 'not-modified') return finish(res, 304, parts.session)
  }
  const selection = select(req, body)
  if (!selection.ranges.every((range) => body.has(range))) {
    const message = 'not all of these bytes are verified here; /file/{infoHash}/have says which are'
    throw new HttpFault(503, 'NOT_HERE_YET', message, { 'Retry-After': PARTIAL_RETRY_S })
  }
  if (req.method === 'HEAD') {
    res.setHeader('Content-Length', body.length)
    return finish(res, 200, parts.session)
  }
  if (body.payload && parts.session !== undefined) {
    await checkAllowance(parts.session, selection.ranges, parts.allowanceWaitMs)
  }
  if (selection.ranges.length > 1) return sendParts(res, body, selection.ranges, parts)
  await sendOne(res, body, { selection, parts })
}

function describe(res: ServerResponse, body: Representation): void {
  res.setHeader('Accept-Ranges', 'bytes')
  res.setHeader('Content-Type', body.contentType)
  res.setHeader('Cache-Control', cacheControl(body))
  if (body.etag !== undefined) res.setHeader('ETag', body.etag)
  if (body.fileName !== undefined) res.setHeader('Content-Disposition', contentDisposition(body.fileName))
}

/** Ranges count for GET only (section 14.2). */
function select({ method, headers }: IncomingMessage, { length, etag }: Representation): Selection {
  const whole = { ranges: [{ start: 0, end: length }], partial: false }
  if (method !== 'GET' || !rangeApplies(headers['if-range'] as string | undefined, etag ?? '')) return whole
  const outcome = parseRange(headers.range, length)
  switch (outcome.kind) {
    case 'whole':
      return whole
    case 'ranges':
      return { ranges: outcome.ranges, partial: true }
    case 'unsatisfiable':
      throw new HttpFault(416, outcome.code, 'these ranges cannot be served', {
        'Content-Range': `bytes */${length}`,
      })
    default:
      return outcome satisfies never
  }
}

async function checkAllowance(
  session: ServerSession,
  ranges: readonly ByteRange[],
  waitMs: number,
): Promise<void> {
  const bytes = ranges.reduce((sum, { start, end }) => sum + end - start, 0)
  if (await session.allowance(bytes, waitMs)) return
  throw new HttpFault(429, 'TALLY_WINDOW_FULL', 'sign for what you have received, then ask again', {
    [ALLOWANCE_HEADER]: String(session.allowed(bytes)),
    'Retry-After': '1',
  })
}

async function sendOne(
  res: ServerResponse,
  body: Representation,
  { selection, parts }: { readonly selection: Selection; readonly parts: RespondParts },
): Promise<void> {
  const range = selection.ranges[0]!
  res.setHeader('Content-Length', range.end - range.start)
  if (selection.partial) res.setHeader('Content-Range', formatContentRange(range, body.length))
  res.writeHead(selection.partial ? 206 : 200, parts.session?.takeHeaders())
  await sendRange(res, body, { range, parts })
  res.end()
}

async function sendParts(
  res: ServerResponse,
  body: Representation,
  ranges: readonly ByteRange[],
  parts: RespondParts,
): Promise<void> {
  const { boundary, writeTimeoutMs } = parts
  const { contentType, length } = body
  const { heads, tail } = multipartHeads(ranges, { boundary, contentType, length })
  const payload = ranges.reduce((sum, { start, end }) => sum + end - start, 0)
  res.setHeader('Content-Type', `multipart/byteranges; boundary=${boundary}`)
  res.setHeader('Content-Length', payload + tail.length + heads.reduce((sum, head) => sum + head.length, 0))
  res.writeHead(206, parts.session?.takeHeaders())
  for (const [i, range] of ranges.entries()) {
    await writeBytes(res, heads[i]!, writeTimeoutMs)
    await sendRange(res, body, { range, parts })
  }
  res.end(tail)
}

/** A response without a body. */
function finish(res: ServerResponse, status: number, session?: ServerSession): void {
  res.writeHead(status, session?.takeHeaders())
  res.end()
}

/** A small JSON response, errors included; a HEAD gets its headers only. */
export function finishJson(
  { req, res }: Exchange,
  answer: { readonly status: number; readonly value: unknown; readonly session?: ServerSession | undefined },
): void {
  const text = JSON.stringify(answer.value)
  res.setHeader('Content-Type', 'application/json')
  res.setHeader('Content-Length', Buffer.byteLength(text))
  res.writeHead(answer.status, answer.session?.takeHeaders())
  res.end(req.method === 'HEAD' ? undefined : text)
}
