/**
 * HTTP side of the announce server: `/announce`, `/scrape`, and whatever JSON endpoints it is given.
 *
 * Source: BEP 3, 48. Refusals of an announce are bencoded with status 200, as clients expect; everything else
 * is plain HTTP. Limits: header and request time, header bytes, body bytes, connections.
 *
 * @module
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseAnnounceQuery, parseScrapeQuery } from '../../announce/http-request.ts'
import { encodeAnnounceResponse, encodeFailure, encodeScrapeResponse } from '../../announce/http-response.ts'
import { codeOf, DecodeError } from '../../base/errors.ts'
import { canonicalIp } from '../../base/ip.ts'
import type { StreamHost } from '../../base/world.ts'
import type { JsonEndpoint, JsonEndpoints } from '../json-endpoint.ts'
import type { ListenerParts } from './udp-listener.ts'

export type HttpListenerParts = ListenerParts & {
  readonly endpoints: JsonEndpoints
  readonly limits: HttpLimits
}

export type HttpLimits = {
  readonly headerBytesMax: number
  readonly bodyBytesMax: number
  readonly connectionsMax: number
  /** For a whole request to arrive. */
  readonly requestTimeoutMs: number
}

export const HTTP_LIMITS: HttpLimits = {
  /** 74 escaped hashes of a scrape take 5 KiB. */
  headerBytesMax: 16_384,
  /** A binding of 1,024 keys in hex takes 66 KiB. */
  bodyBytesMax: 131_072,
  connectionsMax: 1_000,
  requestTimeoutMs: 10_000,
}

export async function createHttpListener(
  host: string,
  port: number,
  parts: HttpListenerParts,
): Promise<StreamHost> {
  const { headerBytesMax, connectionsMax, requestTimeoutMs } = parts.limits
  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      requestTimeout: requestTimeoutMs,
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: requestTimeoutMs / 2,
    },
    (request, response) => void serve(request, response, parts),
  )
  server.maxConnections = connectionsMax
  server.on('clientError', (error, socket) => {
    parts.count(codeOf(error))
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
  })
  server.listen(port, host)
  await once(server, 'listening') // rejects on 'error'
  return {
    address: { host, port: (server.address() as AddressInfo).port },
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  parts: HttpListenerParts,
): Promise<void> {
  const [path = '', query = ''] = splitOnce(request.url ?? '', '?')
  const endpoint = parts.endpoints.get(path)
  try {
    if (endpoint !== undefined) await serveJson(request, response, endpoint, parts.limits)
    else if (request.method !== 'GET') send(response, 405, 'text/plain', 'method not allowed')
    else if (path === '/announce') sendBencoded(response, announce(query, request, parts))
    else if (path === '/scrape') sendBencoded(response, scrape(query, parts))
    else send(response, 404, 'text/plain', 'not found')
  } catch (error) {
    parts.count(codeOf(error))
    if (!(error instanceof DecodeError)) response.destroy()
    else if (endpoint === undefined) sendBencoded(response, encodeFailure({ reason: error.message }))
    else sendJson(response, 400, { error: { code: error.code, message: error.message } })
  }
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

function announce(
  query: string,
  request: IncomingMessage,
  { table, clock, count }: ListenerParts,
): Uint8Array {
  const parsed = parseAnnounceQuery(query)
  const host = canonicalIp(request.socket.remoteAddress ?? '')
  if (host === undefined) throw new DecodeError('NO_ADDRESS', 'the connection has gone')
  count('announce')
  const result = table.announce({ request: parsed, host, families: [4, 16], nowMs: clock.monotonicMs() })
  if (!result.ok) {
    count('ANNOUNCE_REFUSED')
    return encodeFailure(result.failure)
  }
  const { peers } = result.value
  const shown = parsed.compact || parsed.noPeerId ? peers.map(({ peerId: _, ...address }) => address) : peers
  return encodeAnnounceResponse({ ...result.value, peers: shown }, parsed.compact ? 'compact' : 'dictionary')
}

function scrape(query: string, { table, clock, count }: ListenerParts): Uint8Array {
  const infoHashes = parseScrapeQuery(query)
  if (infoHashes.length === 0) throw new DecodeError('SCRAPE_ALL', 'name the torrents to scrape')
  count('scrape')
  const nowMs = clock.monotonicMs()
  return encodeScrapeResponse(
    infoHashes.map((infoHash) => ({ infoHash, figures: table.scrape(infoHash, nowMs) })),
  )
}

async function serveJson(
  request: IncomingMessage,
  response: ServerResponse,
  endpoint: JsonEndpoint,
  limits: HttpLimits,
): Promise<void> {
  const { method, handle } = endpoint
  if (request.method !== method) {
    sendJson(response, 405, { error: { code: 'METHOD', message: `use ${method}` } })
    return
  }
  const { status, body } = await handle(method === 'GET' ? undefined : await readJson(request, limits))
  sendJson(response, status, body)
}

async function readJson(request: IncomingMessage, { bodyBytesMax }: HttpLimits): Promise<unknown> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > bodyBytesMax) throw new DecodeError('BODY_LENGTH', 'the body is too long')
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (cause) {
    throw new DecodeError('NOT_JSON', 'the body is not JSON', { cause })
  }
}

const sendBencoded = (response: ServerResponse, body: Uint8Array) => send(response, 200, 'text/plain', body)
const sendJson = (response: ServerResponse, status: number, body: unknown) =>
  send(response, status, 'application/json', JSON.stringify(body))

function send(response: ServerResponse, status: number, type: string, body: Uint8Array | string): void {
  if (response.destroyed) return
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}
