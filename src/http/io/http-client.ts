/**
 * A small HTTP client for hostile servers: bounded headers and bodies, deadlines, few redirects, checked
 * addresses.
 *
 * @module
 */
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { concatBytes } from '../../base/bytes.ts'
import { CodedError, codeOf } from '../../base/errors.ts'
import type { Clock } from '../../base/world.ts'
import { parseHttpUrl } from '../web-seed.ts'
import { createPinnedAgents } from './pinned-agent.ts'

export type HttpClientSettings = {
  /** Requests to this origin may reach any address; all others only public ones. `any`: all requests may. */
  readonly trusted: 'none' | 'any' | { readonly origin: string }
  readonly connectTimeoutMs: number
  readonly responseTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly bytesPerSMin: number
  readonly redirectsMax: number
  readonly dialsMax: number
}

export type HttpRequest = {
  readonly url: URL
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly signal: AbortSignal
}

const HEADER_BYTES_MAX = 16_384
/** What we read of a body that we do not want, to keep the connection. */
const UNWANTED_BYTES_MAX = 65_536
/** Redirects remembered by a client. */
const REDIRECTS_KEPT = 1_024

export class HttpClient {
  readonly #settings: HttpClientSettings
  readonly #clock: Clock
  readonly #agents
  readonly #redirects = new Map<string, URL>()

  constructor(settings: HttpClientSettings, clock: Clock) {
    this.#settings = settings
    this.#clock = clock
    const { connectTimeoutMs, dialsMax } = settings
    const shared = { connectTimeoutMs, dialsMax, connectionsMax: 1 }
    this.#agents = {
      public: createPinnedAgents({ ...shared, reach: 'public' }),
      local: createPinnedAgents({ ...shared, reach: 'local' }),
    }
  }

  /**
   * Sends a request and follows redirects. Resolves with the headers; the body must be read or dropped.
   *
   * @throws {CodedError} `DIAL_FAILED`, `RESPONSE_TIMEOUT`, `CONNECTION_BROKEN`, `REDIRECT_…`,
   * `ADDRESS_REFUSED`, …
   */
  async send(request: HttpRequest): Promise<IncomingMessage> {
    let url = this.#redirects.get(request.url.href) ?? request.url
    for (let hops = 0; ; hops++) {
      const response = await this.#sendOnce({ ...request, url })
      const location = response.headers.location
      if (![301, 302, 303, 307, 308].includes(response.statusCode!) || location === undefined) {
        if (url !== request.url) this.#remember(request.url, url)
        return response
      }
      await this.drop(response)
      if (hops >= this.#settings.redirectsMax) {
        throw new CodedError('REDIRECT_LOOP', `more than ${this.#settings.redirectsMax} redirects`)
      }
      const next = parseHttpUrl(URL.parse(location, url)?.href ?? location)
      if (url.protocol === 'https:' && next.protocol === 'http:') {
        throw new CodedError('REDIRECT_DOWNGRADE', 'a redirect leads from https to http')
      }
      url = next
    }
  }

  /** Forgets where a URL was redirected to: its target failed. */
  forget(url: URL): void {
    this.#redirects.delete(url.href)
  }

  /**
   * Reads a body, `bytes` long exactly or at most. Views are valid during the call only.
   *
   * @throws {CodedError<'BODY_TOO_LONG' | 'BODY_TOO_SHORT' | 'BODY_TOO_SLOW' | 'CONNECTION_BROKEN'>}
   */
  readBody(
    response: IncomingMessage,
    limit: { readonly exactly: number } | { readonly atMost: number },
    onData: (bytes: Uint8Array) => void,
  ): Promise<void> {
    const { idleTimeoutMs, bytesPerSMin } = this.#settings
    const clock = this.#clock
    const bytesMax = 'exactly' in limit ? limit.exactly : limit.atMost
    return new Promise((resolve, reject) => {
      const startedMs = clock.monotonicMs()
      let lastMs = startedMs
      let bytes = 0
      let settled = false
      const settle = (error?: CodedError) => {
        if (settled) return
        settled = true
        clearInterval(watch)
        if (error === undefined) return resolve()
        response.destroy()
        reject(error)
      }
      const watch = setInterval(
        () => {
          const nowMs = clock.monotonicMs()
          const spanMs = nowMs - startedMs
          const slow = spanMs > idleTimeoutMs && bytes < (bytesPerSMin * spanMs) / 1_000
          if (slow || nowMs - lastMs > idleTimeoutMs) {
            settle(new CodedError('BODY_TOO_SLOW', `${bytes} bytes of a body in ${Math.round(spanMs)} ms`))
          }
        },
        Math.min(1_000, idleTimeoutMs / 4),
      )
      response.on('data', (part: Uint8Array) => {
        bytes += part.length
        lastMs = clock.monotonicMs()
        if (bytes > bytesMax)
          return settle(new CodedError('BODY_TOO_LONG', `a body exceeds ${bytesMax} bytes`))
        onData(part)
      })
      response.once('end', () => {
        const short = 'exactly' in limit && bytes < bytesMax
        settle(short ? new CodedError('BODY_TOO_SHORT', `a body ended after ${bytes} bytes`) : undefined)
      })
      const broken = (cause?: unknown) =>
        settle(new CodedError('CONNECTION_BROKEN', 'the connection broke within a body', { cause }))
      response.once('error', broken)
      response.once('close', () => broken())
    })
  }

  /** A whole small body. */
  async readSmall(response: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    await this.readBody(response, { atMost: bytesMax }, (part) => parts.push(part.slice()))
    return concatBytes(...parts)
  }

  /** Reads past a body that is of no use; a long one costs the connection. */
  async drop(response: IncomingMessage): Promise<void> {
    await this.readBody(response, { atMost: UNWANTED_BYTES_MAX }, () => undefined).catch(() => undefined)
  }

  close(): void {
    for (const agents of Object.values(this.#agents)) agents.close()
  }

  #remember(from: URL, to: URL): void {
    if (this.#redirects.size >= REDIRECTS_KEPT) this.#redirects.delete(this.#redirects.keys().next().value!)
    this.#redirects.set(from.href, to)
  }

  #sendOnce({ url, method = 'GET', headers = {}, body, signal }: HttpRequest): Promise<IncomingMessage> {
    const { trusted, responseTimeoutMs, connectTimeoutMs } = this.#settings
    const free = trusted === 'any' || (trusted !== 'none' && trusted.origin === url.origin)
    const agents = this.#agents[free ? 'local' : 'public']
    const secure = url.protocol === 'https:'
    const options = {
      method,
      agent: secure ? agents.https : agents.http,
      headers: {
        'User-Agent': 'Tallyswarm',
        Accept: '*/*',
        'Accept-Encoding': 'identity',
        ...headers,
        ...(body !== undefined && { 'Content-Length': body.length }),
      },
      maxHeaderSize: HEADER_BYTES_MAX,
      signal,
    }
    return new Promise((resolve, reject) => {
      const req: ClientRequest = secure ? requestHttps(url, options) : requestHttp(url, options)
      const timer = setTimeout(() => {
        req.destroy(new CodedError('RESPONSE_TIMEOUT', `${url.host} does not answer`))
      }, responseTimeoutMs + connectTimeoutMs)
      req.once('error', (error) => {
        clearTimeout(timer)
        reject(asFailure(error))
      })
      req.once('response', (response) => {
        clearTimeout(timer)
        // Errors from here on belong to the body; without a listener they would end the process.
        req.on('error', () => undefined)
        resolve(response)
      })
      req.end(body)
    })
  }
}

/** System and parser errors under names of ours; the original is the cause. */
function asFailure(error: Error): CodedError {
  if (error instanceof CodedError) return error
  const code = codeOf(error)
  if (code.startsWith('HPE_')) return new CodedError('RESPONSE_MALFORMED', error.message, { cause: error })
  return new CodedError('CONNECTION_BROKEN', `the request failed: ${error.message}`, { cause: error })
}
