/**
 * What the rest of the house sees of BitTorrent: a host, its swarms, and plain snapshots of both.
 *
 * @module
 */
import type { InfoHashV1, InfoHashV2, PeerId } from '../base/ids.ts'
import type { Address, Clock, Dialer, Random } from '../base/world.ts'
import type { Share } from '../content/share.ts'
import type { TallyLinkFactory, TallyLinkState } from '../tally/link.ts'
import type { ShareReader } from '../transfer/reader.ts'
import type { Source, SourcePort } from '../transfer/source.ts'
import type { BlockPool } from './block-pool.ts'
import type { ConnectionBudget } from './connection-budget.ts'

/** Ties one peer to a running transfer. */
export type SourceAttacher = (source: Source) => SourcePort

/** What a swarm moves. Without `attach` it only uploads. May be set again (a download that became a seed). */
export type SwarmTransfer = {
  readonly share: Share
  readonly reader: ShareReader
  readonly attach?: SourceAttacher
}

/** How peers that do not speak tallies are uploaded to, once tallies are on. */
export type NoTallyPolicy = 'serve' | 'refuse' | { readonly slots: number }

export type SwarmSettings = {
  /** Connected peers of one swarm, both directions. */
  readonly peersMax: number
  /** Dials in flight at once, per swarm. */
  readonly dialsMax: number
  readonly dialTimeoutMs: number
  /** From connect or accept until the peer's 68 bytes are in. */
  readonly handshakeTimeoutMs: number
  /** Addresses remembered; the rest is dropped and counted. */
  readonly addressesMax: number
  /** Peers unchoked at once, the optimistic ones included. */
  readonly uploadSlots: number
  readonly optimisticSlots: number
  readonly noTallyPolicy: NoTallyPolicy
  /** Blocks asked of one peer at once, whatever its speed. */
  readonly requestsMax: number
  /** Requests queued for one peer (our `reqq`); what is above is rejected or dropped. */
  readonly queuedRequestsMax: number
  readonly extensionBytesMax: number
  readonly metadataBytesMax: number
  /** Peers with nothing for us and no wish of their own are closed after this. */
  readonly idleTimeoutMs: number
}

export type SwarmOptions = {
  readonly infoHashV1?: InfoHashV1
  readonly infoHashV2?: InfoHashV2
  readonly tallyLinks?: TallyLinkFactory
  readonly settings?: Partial<SwarmSettings>
}

/** One torrent's peers. */
export type Swarm = AsyncDisposable & {
  /** New addresses are queued and dialled as there is room. Returns how many were new. */
  addPeers(addresses: readonly Address[]): number
  setTransfer(transfer: SwarmTransfer): void
  /**
   * Called once when the share of a magnet is known: its info dictionary fetched and verified, and for v2-only
   * shares its piece layers too. Answer with `setTransfer`.
   */
  onShare(callback: (share: Share) => void): void
  status(): SwarmStatus
}

export type PeerStatus = {
  readonly address: Address
  readonly peerId: string
  /** The peer's own name for its program (BEP 10 `v`), or empty. */
  readonly client: string
  readonly outgoing: boolean
  readonly wire: 'v1' | 'v2'
  readonly pieces: number
  readonly isSeed: boolean
  readonly weChoke: boolean
  readonly peerChokes: boolean
  readonly weAreInterested: boolean
  readonly peerInterested: boolean
  readonly snubbed: boolean
  readonly requestsOutstanding: number
  /** Payload on the wire, without protocol overhead; sent is without padding. */
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly verifiedBytes: number
  readonly wastedBytes: number
  readonly downloadBytesPerS: number
  readonly uploadBytesPerS: number
  readonly tally?: TallyLinkState
}

export type SwarmStatus = {
  readonly infoHashV1?: string
  readonly infoHashV2?: string
  readonly phase: 'metadata' | 'layers' | 'transfer'
  readonly peers: readonly PeerStatus[]
  readonly addressesKnown: number
  readonly addressesDropped: number
  readonly dialsInFlight: number
  readonly bans: number
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly metadata: { readonly receivedBytes: number; readonly totalBytes: number }
  /** How often connections ended, by code (`WRONG_INFO_HASH`, `REQUEST_FLOOD`, `DIAL_FAILED`, ...). */
  readonly closes: Readonly<Record<string, number>>
}

export type HostSettings = {
  /** Where to listen; port 0 lets the system choose; `undefined` host means no listener. */
  readonly listen: Address | undefined
  readonly connectionsMax: number
  readonly connectionsPerHostMax: number
  readonly handshakeTimeoutMs: number
  /** Defaults for every swarm of this host. */
  readonly swarm: Partial<SwarmSettings>
}

export type HostStatus = {
  readonly address: Address | undefined
  readonly connections: number
  readonly swarms: number
  /** Incoming connections that never reached a swarm, by code. */
  readonly refused: Readonly<Record<string, number>>
}

export type BittorrentHost = AsyncDisposable & {
  /** What was bound; undefined without a listener. */
  readonly address: Address | undefined
  /** What trackers must be told. */
  readonly peerId: PeerId
  addSwarm(options: SwarmOptions): Swarm
  status(): HostStatus
}

/** Synchronous hashes over short inputs (metadata, hash messages). */
export type Digests = {
  readonly sha1: (bytes: Uint8Array) => Uint8Array
  readonly sha256: (bytes: Uint8Array) => Uint8Array
}

/** What a swarm needs of the world. */
export type SwarmParts = {
  readonly clock: Clock
  readonly random: Random
  readonly digests: Digests
  readonly dialer: Dialer
  readonly budget: ConnectionBudget
  readonly pool: BlockPool
  readonly peerId: PeerId
  /** 0: none. */
  readonly listenPort: number
  /** A magnet's other info hash became known: connections for it must find this swarm too. */
  readonly hashesChanged: () => void
  /** The swarm was closed. */
  readonly closed: () => void
}

export const DEFAULT_SWARM_SETTINGS: SwarmSettings = {
  peersMax: 80,
  dialsMax: 8,
  dialTimeoutMs: 10_000,
  handshakeTimeoutMs: 10_000,
  addressesMax: 2_000,
  uploadSlots: 8,
  optimisticSlots: 1,
  noTallyPolicy: 'serve',
  requestsMax: 512, // prototype's best on loopback, 8 MiB under way
  queuedRequestsMax: 2_000,
  extensionBytesMax: 1 << 20,
  metadataBytesMax: 32 << 20,
  idleTimeoutMs: 600_000,
}

export const DEFAULT_HOST_SETTINGS: HostSettings = {
  listen: { host: '0.0.0.0', port: 0 },
  connectionsMax: 500,
  connectionsPerHostMax: 32,
  handshakeTimeoutMs: 10_000,
  swarm: {},
}
