/**
 * One bounded HTTP exchange over node:http, with few headers and a checked address.
 *
 * Node's `fetch` is not used: it sends headers (`Sec-Fetch-Mode`, `Accept-Language`) that private trackers
 * refuse. Bounds: redirects, header and body bytes (also after decompression), and time for all of it
 * together.
 *
 * @module
 */
import { type IncomingMessage, request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { CodedError, codeOf, messageOf } from '../../base/errors.ts'
import { type Lookup, resolveHost } from '../../base/io/resolve.ts'
import { parseIp } from '../../base/ip.ts'
import type { Reach } from '../../base/ip-scope.ts'
import { redirectTarget } from '../tracker-url.ts'

export type HttpExchangeSettings = {
  readonly userAgent: string
  readonly reach: Reach
  /** Of the body, as sent and as decompressed. */
  readonly responseBytesMax: number
  readonly redirectsMax: number
  readonly timeoutMs: number
}

export const HTTP_EXCHANGE_DEFAULTS = {
  reach: 'public',
  responseBytesMax: 2 ** 20,
  redirectsMax: 3,
  timeoutMs: 30_000,
} as const satisfies Partial<HttpExchangeSettings>

export type HttpCall = {
  readonly url: URL
  /** JSON to POST; without it the call is a GET. */
  readonly json?: string
  /** Connect over this family only (4 or 16 address bytes). */
  readonly addressBytes?: number
  readonly lookup?: Lookup
  readonly signal: AbortSignal
}

/** `address` is the one that answered. */
export type HttpReply = { readonly status: number; readonly body: Uint8Array; readonly address: string }

const HEADER_BYTES_MAX = 16_384
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const unzip = promisify(gunzip)

/**
 * Follows redirects of a GET; each hop is resolved and checked anew, and TLS is not left again.
 *
 * Rejects with CodedError: `ADDRESS_REFUSED`, `RESOLVE_FAILED`, `NO_ADDRESS`, `HTTP_TIMEOUT`, `HTTP_FAILED`,
 * `HTTP_TOO_LARGE`, `HTTP_ENCODING`, `HTTP_REDIRECT`.
 */
export async function httpExchange(call: HttpCall, settings: HttpExchangeSettings): Promise<HttpReply> {
  const timeout = AbortSignal.timeout(settings.timeoutMs)
  const signal = AbortSignal.any([call.signal, timeout])
  try {
    let url = call.url
    for (let redirects = 0; ; redirects++) {
      const reply = await hop({ ...call, url, signal }, settings)
      if (!('location' in reply)) return reply
      if (call.json !== undefined || redirects >= settings.redirectsMax) {
        throw new CodedError('HTTP_REDIRECT', 'the server redirects too often, or a POST')
      }
      const target = redirectTarget(reply.location, url)
      if (target === undefined)
        throw new CodedError('HTTP_REDIRECT', 'the server redirects to no web address')
      url = target
    }
  } catch (cause) {
    if (timeout.aborted)
      throw new CodedError('HTTP_TIMEOUT', `no complete answer in ${settings.timeoutMs} ms`, { cause })
    if (cause instanceof CodedError) throw cause
    throw new CodedError('HTTP_FAILED', messageOf(cause), { cause, details: { cause: codeOf(cause) } })
  }
}

async function hop(
  call: HttpCall,
  settings: HttpExchangeSettings,
): Promise<HttpReply | { readonly location: string }> {
  const { url, addressBytes, signal } = call
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const reach = { reach: settings.reach, signal, ...(call.lookup && { lookup: call.lookup }) }
  const addresses = await resolveHost(host, reach)
  const address = addresses.find(
    (text) => addressBytes === undefined || parseIp(text)?.length === addressBytes,
  )
  if (address === undefined) throw new CodedError('NO_ADDRESS', `${host} has no address of this family`)
  const response = await send(call, address, settings.userAgent)
  const status = response.statusCode ?? 0
  const { location } = response.headers
  if (REDIRECTS.has(status) && location !== undefined) {
    response.destroy()
    return { location }
  }
  const sent = await readBody(response, settings.responseBytesMax)
  // A body that runs to the end of the connection looks whole to Node when we were the ones to end it.
  signal.throwIfAborted()
  return { status, address, body: await decompress(sent, response, settings.responseBytesMax) }
}

function send({ url, json, signal }: HttpCall, address: string, userAgent: string): Promise<IncomingMessage> {
  const secure = url.protocol === 'https:'
  const name = parseIp(url.hostname.replace(/^\[|\]$/g, '')) === undefined ? url.hostname : ''
  const body =
    json === undefined
      ? {}
      : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(json) }
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const request = (secure ? tlsRequest : plainRequest)({
    host: address,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    path: url.pathname + url.search,
    method: json === undefined ? 'GET' : 'POST',
    headers: {
      Host: url.host,
      'User-Agent': userAgent,
      'Accept-Encoding': 'gzip',
      Connection: 'close',
      ...body,
    },
    agent: false,
    maxHeaderSize: HEADER_BYTES_MAX,
    signal,
    ...(secure ? { servername: name } : {}),
  })
  request.on('response', resolve)
  request.on('error', reject)
  request.end(json)
  return promise
}

async function readBody(response: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > bytesMax) throw tooLarge(bytesMax)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const tooLarge = (bytesMax: number) =>
  new CodedError('HTTP_TOO_LARGE', `the answer is over ${bytesMax} bytes`)

async function decompress(sent: Buffer, response: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const encoding = response.headers['content-encoding']?.trim().toLowerCase() ?? ''
  if (encoding === '' || encoding === 'identity') return sent
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    throw new CodedError('HTTP_ENCODING', 'the answer has an encoding that was not asked for')
  }
  try {
    return await unzip(sent, { maxOutputLength: bytesMax })
  } catch (cause) {
    if (codeOf(cause) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(bytesMax)
    throw new CodedError('HTTP_ENCODING', 'the answer is no gzip', { cause })
  }
}
