/**
 * One connection of a range source: asks for one file range at a time, and puts up with what the server does.
 *
 * @module
 */
import { CodedError } from '../../base/errors.ts'
import { BLOCK_BYTES } from '../../content/layout.ts'
import type { FileRequest } from '../fetch-plan.ts'
import { ALLOWANCE_HEADER } from '../frames.ts'
import { judgeResponse, type Refusal } from '../judge-response.ts'
import { formatRange } from '../ranges.ts'
import type { ClientSession } from './client-session.ts'
import type { HttpClient } from './http-client.ts'

/** A request that the server did not answer with the bytes. */
export class RequestFailed extends CodedError {
  override readonly name = 'RequestFailed'
  readonly refusal: Refusal
  readonly request: FileRequest

  constructor(refusal: Refusal, request: FileRequest) {
    super(refusal.code, `the server answered ${refusal.code} for file ${request.file}`)
    this.refusal = refusal
    this.request = request
  }
}

/** Asks in vain after which the blocks go back: others may have them. */
const CHOKED_ASKS_MAX = 8

export type LaneParts = {
  readonly client: HttpClient
  readonly session: ClientSession | undefined
  readonly fileUrl: (file: number) => URL
  readonly fileLength: (file: number) => number
  readonly signWaitMs: number
  readonly signal: AbortSignal
  readonly onRequest: () => void
}

/**
 * Fetches a range; `onData` gets its bytes in order with their place in piece space. Rejects with CodedError.
 */
export async function fetchRange(
  request: FileRequest,
  parts: LaneParts,
  onData: (space: number, bytes: Uint8Array) => void,
): Promise<void> {
  const { client, session, signal } = parts
  const url = parts.fileUrl(request.file)
  let stepMax = request.end - request.start
  let choked = 0
  for (let start = request.start; start < request.end; ) {
    const end = Math.min(request.end, start + stepMax)
    parts.onRequest()
    const headers = { Range: formatRange({ start, end }), ...session?.takeHeaders() }
    const response = await client.send({ url, headers, signal })
    session?.receive(response.headers)
    const head = { status: response.statusCode!, headers: response.headers }
    const verdict = judgeResponse(head, { start, end, fileLength: parts.fileLength(request.file) })
    if (verdict.ok) {
      let space = request.space + start - request.start
      await client.readBody(response, { exactly: end - start }, (bytes) => {
        onData(space, bytes)
        space += bytes.length
      })
      start = end
      stepMax *= 2
      choked = 0
      continue
    }
    if (head.status === 200 || head.status === 206) response.destroy()
    else await client.drop(response)
    if (verdict.remedy !== 'choked' || session === undefined || ++choked > CHOKED_ASKS_MAX) {
      client.forget(url)
      throw new RequestFailed(verdict, request)
    }
    const allowed =
      BLOCK_BYTES * Math.floor(Number(response.headers[ALLOWANCE_HEADER.toLowerCase()]) / BLOCK_BYTES)
    // A little allowance is taken at once; before next to none is, the signature that is due comes first.
    if (allowed * 4 >= end - start || (allowed > 0 && choked > 1)) stepMax = allowed
    else await session.settled(parts.signWaitMs)
  }
}
