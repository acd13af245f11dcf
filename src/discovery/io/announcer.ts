/**
 * One announce or scrape to one tracker URL, over whatever wire the URL names. Shared by all torrents of a
 * node.
 *
 * Source: BEP 3, 15, 48; BEP 7, "Tracker Hostname Resolution": a name with addresses of both families is
 * announced to over both, with the same key.
 *
 * @module
 */
import type { AnnounceRequest, AnnounceResponse, ScrapeFigures } from '../../announce/announce.ts'
import { formatAnnounceQuery, formatScrapeQuery } from '../../announce/http-request.ts'
import { type Answer, decodeAnnounceResponse, decodeScrapeResponse } from '../../announce/http-response.ts'
import { toHex, utf8 } from '../../base/bytes.ts'
import { CodedError, DecodeError } from '../../base/errors.ts'
import { type Lookup, resolveHost } from '../../base/io/resolve.ts'
import { parseIp } from '../../base/ip.ts'
import { isWithinReach, type Reach } from '../../base/ip-scope.ts'
import type { Address, Clock, Random } from '../../base/world.ts'
import { Gate } from '../gate.ts'
import { parseTrackerUrl, scrapePath, type TrackerUrl, withQuery } from '../tracker-url.ts'
import { HTTP_EXCHANGE_DEFAULTS, type HttpReply, httpExchange } from './http-exchange.ts'
import {
  createUdpExchange,
  type UdpExchange,
  type UdpExchangeSettings,
  type UdpQuestion,
} from './udp-exchange.ts'

export type AnnouncerSettings = {
  /** `Tallyswarm/<version>`. */
  readonly userAgent: string
  /** `local` only where the user named the tracker or the configuration allows it. */
  readonly reach: Reach
  /** For a whole HTTP exchange, redirects included. */
  readonly httpTimeoutMs: number
  readonly responseBytesMax: number
  readonly redirectsMax: number
  /** Exchanges at once, all torrents and trackers together; the others wait. */
  readonly inFlightMax: number
  /** Peers taken from one answer. */
  readonly peersMax: number
  readonly udp: Partial<UdpExchangeSettings>
}

const ANNOUNCER_DEFAULTS: Omit<AnnouncerSettings, 'userAgent'> = {
  reach: HTTP_EXCHANGE_DEFAULTS.reach,
  httpTimeoutMs: HTTP_EXCHANGE_DEFAULTS.timeoutMs,
  responseBytesMax: HTTP_EXCHANGE_DEFAULTS.responseBytesMax,
  redirectsMax: HTTP_EXCHANGE_DEFAULTS.redirectsMax,
  inFlightMax: 256,
  peersMax: 500,
  udp: {},
}

export type AnnouncerParts = { readonly clock: Clock; readonly random: Random; readonly lookup?: Lookup }
type ScrapeOptions = {
  readonly signal: AbortSignal
  /** Instead of the announcer's own: `local` for a tracker that the user named. */
  readonly reach?: Reach | undefined
}
type AnnounceOptions = ScrapeOptions & { readonly trackerId?: Uint8Array | undefined }

/** Both reject with DecodeError or CodedError when there is no answer; a tracker's "no" is a value. */
export type Announcer = AsyncDisposable & {
  announce(url: string, request: AnnounceRequest, options: AnnounceOptions): Promise<Answer<AnnounceResponse>>
  /** Figures by info hash in hex. `SCRAPE_UNSUPPORTED` when the URL has no scrape form (BEP 48). */
  scrape(
    url: string,
    infoHashes: readonly Uint8Array[],
    options: ScrapeOptions,
  ): Promise<Answer<Map<string, ScrapeFigures>>>
}

export function createAnnouncer(
  settings: Partial<AnnouncerSettings> & Pick<AnnouncerSettings, 'userAgent'>,
  parts: AnnouncerParts,
): Announcer {
  return new WireAnnouncer({ ...ANNOUNCER_DEFAULTS, ...settings }, parts)
}

class WireAnnouncer implements Announcer {
  readonly #settings: AnnouncerSettings
  readonly #lookup: { readonly lookup?: Lookup }
  readonly #udp: UdpExchange
  readonly #gate: Gate

  constructor(settings: AnnouncerSettings, { clock, random, lookup }: AnnouncerParts) {
    this.#settings = settings
    this.#lookup = lookup === undefined ? {} : { lookup }
    this.#gate = new Gate(settings.inFlightMax)
    this.#udp = createUdpExchange({ peersMax: settings.peersMax, ...settings.udp }, { clock, random })
  }

  async announce(
    url: string,
    request: AnnounceRequest,
    options: AnnounceOptions,
  ): Promise<Answer<AnnounceResponse>> {
    const target = parseTrackerUrl(url)
    const addresses = onePerFamily(await this.#addressesOf(target, options))
    const announces = addresses.map((address) =>
      this.#gate.run(() => this.#announceTo(target, address, request, options), options.signal),
    )
    return merged(await Promise.allSettled(announces))
  }

  scrape(url: string, infoHashes: readonly Uint8Array[], options: ScrapeOptions) {
    return this.#gate.run(() => this.#scrape(parseTrackerUrl(url), infoHashes, options), options.signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#udp[Symbol.asyncDispose]()
  }

  async #scrape(
    target: TrackerUrl,
    infoHashes: readonly Uint8Array[],
    options: ScrapeOptions,
  ): Promise<Answer<Map<string, ScrapeFigures>>> {
    const [address] = await this.#addressesOf(target, options)
    if (target.scheme === 'udp') {
      return this.#scrapeOverUdp({ host: address!, port: target.port }, infoHashes, options.signal)
    }
    const path = scrapePath(target.pathAndQuery)
    if (path === undefined) throw new CodedError('SCRAPE_UNSUPPORTED', 'the tracker URL has no scrape form')
    const reply = await this.#get(target, withQuery(path, formatScrapeQuery(infoHashes)), address!, options)
    return decodeReply(reply, (body) => decodeScrapeResponse(body, infoHashes))
  }

  #addressesOf(
    { host }: TrackerUrl,
    { signal, reach = this.#settings.reach }: ScrapeOptions,
  ): Promise<string[]> {
    return resolveHost(host, { reach, signal, ...this.#lookup })
  }

  async #announceTo(
    target: TrackerUrl,
    address: string,
    request: AnnounceRequest,
    options: AnnounceOptions,
  ): Promise<Answer<AnnounceResponse>> {
    const answer =
      target.scheme === 'udp'
        ? await this.#announceOverUdp(target, address, request, options.signal)
        : await this.#announceOverHttp(target, address, request, options)
    if (!answer.ok) return answer
    // Only a tracker in our own network may send us to addresses in it.
    const peerReach = isWithinReach(address, 'public') ? 'public' : 'local'
    const peers = answer.value.peers.filter(({ host }) => isWithinReach(host, peerReach))
    return { ok: true, value: { ...answer.value, peers } }
  }

  async #announceOverHttp(
    target: TrackerUrl,
    address: string,
    request: AnnounceRequest,
    options: AnnounceOptions,
  ): Promise<Answer<AnnounceResponse>> {
    const { trackerId } = options
    const form = { compact: true, noPeerId: true, ...(trackerId && { trackerId }) }
    const path = withQuery(target.pathAndQuery, formatAnnounceQuery({ ...request, ...form }))
    const reply = await this.#get(target, path, address, options)
    return decodeReply(reply, (body) => decodeAnnounceResponse(body, this.#settings))
  }

  async #announceOverUdp(
    { port, pathAndQuery }: TrackerUrl,
    host: string,
    announce: AnnounceRequest,
    signal: AbortSignal,
  ): Promise<Answer<AnnounceResponse>> {
    const urlData = utf8(pathAndQuery === '/' ? '' : pathAndQuery)
    const question: UdpQuestion = (connectionId, transactionId) => ({
      action: 'announce',
      connectionId,
      transactionId,
      announce,
      urlData,
    })
    const response = await this.#udp.ask({ host, port }, question, signal)
    return response.action === 'announce' ? { ok: true, value: response.announce } : refused(response)
  }

  async #scrapeOverUdp(
    to: Address,
    infoHashes: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<Answer<Map<string, ScrapeFigures>>> {
    const question: UdpQuestion = (connectionId, transactionId) => ({
      action: 'scrape',
      connectionId,
      transactionId,
      infoHashes,
    })
    const response = await this.#udp.ask(to, question, signal)
    if (response.action !== 'scrape') return refused(response)
    const figures = response.figures.slice(0, infoHashes.length)
    return { ok: true, value: new Map(figures.map((swarm, i) => [toHex(infoHashes[i]!), swarm])) }
  }

  #get(
    { scheme, host, port }: TrackerUrl,
    path: string,
    address: string,
    { signal, reach = this.#settings.reach }: ScrapeOptions,
  ): Promise<HttpReply> {
    const url = new URL(`${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`)
    const { userAgent, responseBytesMax, redirectsMax, httpTimeoutMs: timeoutMs } = this.#settings
    const call = { url, addressBytes: parseIp(address)!.length, signal, ...this.#lookup }
    return httpExchange(call, { userAgent, reach, responseBytesMax, redirectsMax, timeoutMs })
  }
}

const refused = (response: { readonly action: string; readonly reason?: string }) =>
  ({ ok: false, failure: { reason: response.reason ?? 'no reason given' } }) as const

function onePerFamily(addresses: readonly string[]): string[] {
  return [4, 16].flatMap((length) => addresses.find((address) => parseIp(address)!.length === length) ?? [])
}

/** A failure may come with any status; another answer only counts with 200. */
function decodeReply<T>({ status, body }: HttpReply, decode: (body: Uint8Array) => Answer<T>): Answer<T> {
  try {
    const answer = decode(body)
    if (status === 200 || !answer.ok) return answer
  } catch (error) {
    if (status === 200 || !(error instanceof DecodeError)) throw error
  }
  throw new CodedError('HTTP_STATUS', `the tracker answers with status ${status}`, { details: { status } })
}

/** Both families' answers as one: any success counts, then any "no", then any error. */
function merged(
  outcomes: readonly PromiseSettledResult<Answer<AnnounceResponse>>[],
): Answer<AnnounceResponse> {
  const answers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const [first, second] = answers.flatMap((answer) => (answer.ok ? [answer.value] : []))
  if (first === undefined) {
    const [no] = answers
    if (no !== undefined) return no
    throw outcomes.find((outcome) => outcome.status === 'rejected')!.reason
  }
  if (second === undefined) return { ok: true, value: first }
  const intervalS = Math.max(first.intervalS, second.intervalS)
  return { ok: true, value: { ...second, ...first, intervalS, peers: [...first.peers, ...second.peers] } }
}
