/**
 * One of our own nodes as a source over HTTP: what it has, ranges of its files, tallies on each connection.
 *
 * Source: docs/HTTP.md. Each connection is greeted with `GET /file/{infoHash}/have`, which also names both
 * peers.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http'
import { toHex } from '../../base/bytes.ts'
import { CodedError } from '../../base/errors.ts'
import { Bitfield } from '../../transfer/bitfield.ts'
import { idOf } from '../catalog.ts'
import {
  DEFAULT_RANGE_SOURCE_SETTINGS,
  type HttpSourceParts,
  type RangeSource,
  type RangeSourceSettings,
} from '../contract.ts'
import { PEER_HEADER, parsePeerHeader } from '../frames.ts'
import { parseHttpUrl } from '../web-seed.ts'
import { ClientSession } from './client-session.ts'
import type { Greeting, SourceContext } from './dialect.ts'
import type { HttpClient } from './http-client.ts'
import { HttpRangeSource } from './range-source.ts'

type Parts = HttpSourceParts & { readonly base: URL; readonly settings: RangeSourceSettings }

/**
 * Starts fetching from a node at `url` (its origin; what stands before `/file/…` may follow it).
 *
 * @throws {DecodeError<'URL_MALFORMED' | 'URL_SCHEME' | 'URL_CREDENTIALS'>}
 */
export function createHttpSource(
  settings: Partial<RangeSourceSettings> & { readonly url: string },
  parts: HttpSourceParts,
): RangeSource {
  const base = parseHttpUrl(settings.url)
  base.search = ''
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  const all = { ...DEFAULT_RANGE_SOURCE_SETTINGS, ...settings }
  const greeter = new Greeter({ ...parts, base, settings: all })
  return new HttpRangeSource(all, parts, {
    protocol: 'http',
    share: parts.share,
    url: base,
    startsFull: false,
    fileUrl: (file) => greeter.url(`/${file}`),
    greet: (context) => greeter.greet(context),
    idle: (context, greeting) => greeter.refresh(context, greeting),
  })
}

class Greeter {
  readonly #parts: Parts
  #askedAtMs = Number.NEGATIVE_INFINITY
  /** False once the server has answered without a peer id: then its connections are like any others. */
  #mayTally: boolean

  constructor(parts: Parts) {
    this.#parts = parts
    this.#mayTally = parts.tallyLinks !== undefined
  }

  url(rest: string): URL {
    const { base, share } = this.#parts
    return new URL(`file/${idOf(share)}${rest}`, base)
  }

  async greet(context: SourceContext): Promise<Greeting> {
    if (this.#mayTally) {
      const client = context.createClient({ dialsMax: 1, redirectsMax: 0 })
      try {
        const session = await this.#openSession(context, client)
        if (session !== undefined) return { client, session }
        this.#mayTally = false
      } catch (error) {
        client.close()
        throw error
      }
      client.close()
    }
    const { redirectsMax } = this.#parts.settings
    const client = context.createClient({ dialsMax: Number.POSITIVE_INFINITY, redirectsMax })
    await this.refresh(context, { client })
    return { client }
  }

  /** Asks what the server has, unless that was lately or it has everything. */
  async refresh(context: SourceContext, { client, session }: Greeting): Promise<void> {
    const nowMs = this.#parts.clock.monotonicMs()
    const { haveRefreshMs } = this.#parts.settings
    if (context.have.isFull || nowMs - this.#askedAtMs < haveRefreshMs) return
    this.#askedAtMs = nowMs // now, so that the other lanes do not ask as well
    try {
      const headers = session?.takeHeaders() ?? {}
      const response = await client.send({ url: this.url('/have'), headers, signal: context.signal })
      session?.receive(response.headers)
      await this.#readHave(context, client, response)
    } catch (error) {
      this.#askedAtMs = Number.NEGATIVE_INFINITY
      throw error
    }
  }

  async #openSession(context: SourceContext, client: HttpClient): Promise<ClientSession | undefined> {
    const { peerId, tallyLinks } = this.#parts
    const response = await client.send({
      url: this.url('/have'),
      headers: { [PEER_HEADER]: toHex(peerId) },
      signal: context.signal,
    })
    this.#askedAtMs = this.#parts.clock.monotonicMs()
    await this.#readHave(context, client, response)
    const theirs = response.headers[PEER_HEADER.toLowerCase()]
    if (typeof theirs !== 'string') return undefined
    const session = new ClientSession({
      client,
      base: this.#parts.base,
      ours: peerId,
      theirs: parsePeerHeader(theirs),
      createLink: tallyLinks!,
      signal: context.signal,
      onPending: () => context.wake(),
      onPrice: (priceWeiPerMib) => context.setPrice(priceWeiPerMib),
    })
    session.receive(response.headers)
    return session
  }

  async #readHave(context: SourceContext, client: HttpClient, response: IncomingMessage): Promise<void> {
    const { pieceCount } = this.#parts.share.layout
    if (response.statusCode !== 200) {
      await client.drop(response)
      throw new CodedError(`HAVE_${response.statusCode}`, 'the server does not say what it has of this share')
    }
    const bytes = await client.readSmall(response, (pieceCount + 7) >>> 3)
    context.setHave(Bitfield.decode(bytes, pieceCount))
  }
}
