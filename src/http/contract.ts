/**
 * What the rest of the house sees of HTTP: a server of shares, and sources that download from HTTP servers.
 *
 * Source: design sections 2 and 4; docs/HTTP.md has the exact routes and headers.
 *
 * @module
 */
import type { PeerId } from '../base/ids.ts'
import type { Address, Clock, Random } from '../base/world.ts'
import type { Share } from '../content/share.ts'
import type { TallyLinkFactory, TallyLinkState } from '../tally/link.ts'
import type { ShareReader } from '../transfer/reader.ts'
import type { CloseReason, Protocol, Source, SourcePort } from '../transfer/source.ts'

/** How clients without tallies (browsers, curl, aria2) get payload. `slots`: so many responses at once. */
export type PlainClientPolicy = 'serve' | 'refuse' | { readonly slots: number }

export type ShareServerSettings = {
  /** Port 0 lets the system choose. */
  readonly listen: Address
  /** PEM texts; with them the server speaks HTTPS (TLS 1.3) only. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** Where `Access-Control-Allow-Origin` is sent; `*` only when the list says so. */
  readonly corsOrigins: readonly string[]
  readonly plainClients: PlainClientPolicy
  readonly connectionsMax: number
  readonly connectionsPerIpMax: number
  /**
   * Requests of one connection that may wait behind the one being answered. More: the connection is closed.
   */
  readonly pipelinedRequestsMax: number
  /** From the first byte of a request to the end of its headers. */
  readonly headersTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  /** One buffer must reach the socket within this, or the client is too slow to keep. */
  readonly writeTimeoutMs: number
  /** How long a request over its tally window waits for the allowance before it is answered 429. */
  readonly allowanceWaitMs: number
  /** Bytes read at a time. */
  readonly bufferBytes: number
  /** Memory for responses in progress, all connections together. */
  readonly buffersBytesMax: number
  /** Pieces whose leaves are being hashed at once for layer requests. */
  readonly layerJobsMax: number
}

export const DEFAULT_SHARE_SERVER_SETTINGS: ShareServerSettings = {
  listen: { host: '0.0.0.0', port: 0 },
  corsOrigins: [],
  plainClients: 'serve',
  connectionsMax: 512,
  connectionsPerIpMax: 64,
  pipelinedRequestsMax: 16,
  headersTimeoutMs: 10_000,
  keepAliveTimeoutMs: 60_000,
  writeTimeoutMs: 30_000, // with bufferBytes: a client below 9 KiB/s is let go
  allowanceWaitMs: 250,
  bufferBytes: 262_144,
  buffersBytesMax: 64 << 20,
  layerJobsMax: 2,
}

/** How one share is offered. */
export type ShareOffer = {
  /** The `.torrent`, served at `/file/{infoHash}/torrent`. */
  readonly torrent?: Uint8Array
  /** Makes the links of connections that speak tallies about this share. */
  readonly tallyLinks?: TallyLinkFactory
  /** Said in Chiral v1 metadata: the files are ciphertext. */
  readonly encrypted?: boolean
}

export type ShareServer = AsyncDisposable & {
  readonly address: Address
  /** Serves what `reader` has, as it comes to have it. A share added again replaces its former reader. */
  add(reader: ShareReader, offer?: ShareOffer): void
  remove(share: Share): void
  status(): ShareServerStatus
}

export type ShareServerStatus = {
  readonly connections: number
  readonly requests: number
  /** Payload handed to sockets, all shares. */
  readonly sentBytes: number
  /** By share: hex of the v2 info hash, else of the v1 one. */
  readonly sentBytesByShare: Readonly<Record<string, number>>
  /** How often requests and connections were refused, by code. */
  readonly refused: Readonly<Record<string, number>>
  readonly tallies: readonly { readonly label: string; readonly state: TallyLinkState }[]
}

export type ShareServerParts = { readonly clock: Clock; readonly peerId: PeerId }

export type RangeSourceSettings = {
  /** Connections to this server, 1 to 4. */
  readonly connections: number
  /** One request asks for at most so many blocks; the source finds its own pace below that. */
  readonly requestBlocksMax: number
  readonly connectTimeoutMs: number
  /** From the request to the response's headers. */
  readonly responseTimeoutMs: number
  /** Silence within a body. */
  readonly idleTimeoutMs: number
  /** A body slower than this (after `idleTimeoutMs` of grace) is cut off. */
  readonly bytesPerSMin: number
  /** Over its tally window, a connection asks again once our link has signed for something, at latest after this. */
  readonly signWaitMs: number
  readonly redirectsMax: number
  /** Failed requests in a row, on any connection, after which the source gives up. */
  readonly failuresMax: number
  readonly backoffMs: { readonly first: number; readonly max: number }
  /** How often a partial holder is asked again what it has. */
  readonly haveRefreshMs: number
  /** Who named the URL: a user may name any address; a torrent only public ones. */
  readonly origin: 'user' | 'torrent'
  /** Lets torrents name private and loopback addresses too (tests, closed networks). */
  readonly allowPrivateAddresses: boolean
}

export const DEFAULT_RANGE_SOURCE_SETTINGS: RangeSourceSettings = {
  connections: 4,
  requestBlocksMax: 128,
  connectTimeoutMs: 10_000,
  responseTimeoutMs: 20_000,
  idleTimeoutMs: 10_000,
  bytesPerSMin: 2_048,
  signWaitMs: 100,
  redirectsMax: 3,
  failuresMax: 6,
  backoffMs: { first: 500, max: 30_000 },
  haveRefreshMs: 5_000,
  origin: 'torrent',
  allowPrivateAddresses: false,
}

export type RangeSourceParts = {
  readonly share: Share
  /** Ties the source to its transfer; called once. */
  readonly attach: (source: Source) => SourcePort
  readonly clock: Clock
  readonly random: Random
}

/** Parts of a source that can leave tallies. */
export type HttpSourceParts = RangeSourceParts & {
  readonly peerId: PeerId
  readonly tallyLinks?: TallyLinkFactory
}

/** Why a source stopped: the transfer closed it, or it gave up with the code of the last failure. */
export type SourceEnd = { readonly code: CloseReason['code'] | 'failed'; readonly cause?: string }

export type RangeSourceStatus = {
  readonly protocol: Protocol
  readonly url: string
  readonly connections: number
  readonly requests: number
  readonly receivedBytes: number
  /** Bytes that came but had no place: cancelled or unasked. */
  readonly droppedBytes: number
  /** Failed requests by code. */
  readonly failures: Readonly<Record<string, number>>
  readonly tallies: readonly TallyLinkState[]
}

/** A source at work. Disposing closes its connections after the last tallies are signed (bounded by 3 s). */
export type RangeSource = AsyncDisposable & {
  readonly source: Source
  readonly ended: Promise<SourceEnd>
  status(): RangeSourceStatus
}
