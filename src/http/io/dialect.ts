/**
 * What differs between the servers a range source may talk to: how files are named, and what is agreed with
 * the server before the first range.
 *
 * @module
 */
import type { Share } from '../../content/share.ts'
import type { Bitfield } from '../../transfer/bitfield.ts'
import type { Protocol } from '../../transfer/source.ts'
import type { ClientSession } from './client-session.ts'
import type { HttpClient } from './http-client.ts'

/** What a lane works with once its dialect has greeted the server. */
export type Greeting = { readonly client: HttpClient; readonly session?: ClientSession }

/** What a dialect may use of its source. */
export type SourceContext = {
  readonly signal: AbortSignal
  /** A client for one connection; it may connect `dialsMax` times and follow so many redirects. */
  createClient(limits: { readonly dialsMax: number; readonly redirectsMax: number }): HttpClient
  readonly have: Bitfield
  setHave(bits: Bitfield): void
  setPrice(priceWeiPerMib: bigint): void
  /** There may be something to do again. */
  wake(): void
}

export type Dialect = {
  readonly protocol: Protocol
  readonly share: Share
  readonly url: URL
  /** Whether the server is taken for a full holder until it says otherwise. */
  readonly startsFull: boolean
  fileUrl(file: number): URL
  /** Before the first range on a connection. Rejects with CodedError. */
  greet(context: SourceContext): Promise<Greeting>
  /** Whenever a lane has nothing to do. Rejects with CodedError. */
  idle?(context: SourceContext, greeting: Greeting): Promise<void>
}
