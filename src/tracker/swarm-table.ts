/**
 * Who is in which swarm: the state of an announce server, without any input or output.
 *
 * Source: BEP 3, 7, 15, 21, 23, 48. A peer is known by its peer id and its secret `key`; without a key by its
 * peer id and address, so nobody can stop or overwrite another by its public peer id. An address and port
 * belongs to the peer that claimed it last. Counts are of live peers; each is counted as downloaded once.
 *
 * This is the small table for the demo and for tests; the full tracker (accounts, policy, shards) replaces
 * it.
 *
 * @module
 */

import type { AnnounceRequest, AnnounceResponse, ScrapeFigures } from '../announce/announce.ts'
import type { AddressBytes } from '../announce/compact-peers.ts'
import type { Answer } from '../announce/http-response.ts'
import { toHex } from '../base/bytes.ts'
import { parseIp } from '../base/ip.ts'
import type { Random } from '../base/world.ts'
import { Pool } from './pool.ts'

export type SwarmTableSettings = {
  readonly intervalS: number
  readonly minIntervalS: number
  /** A peer that has not announced for this long is gone. */
  readonly peerTtlMs: number
  readonly swarmsMax: number
  readonly peersPerSwarmMax: number
  /** Peers of one swarm that may come from one address: bounds what one host can claim. */
  readonly peersPerHostMax: number
  readonly numWantDefault: number
  readonly numWantMax: number
}

/** `peerTtlMs` allows one announce to get lost; the interval is short because demos and tests are. */
export const SWARM_TABLE_DEFAULTS: SwarmTableSettings = {
  intervalS: 120,
  minIntervalS: 5,
  peerTtlMs: 300_000,
  swarmsMax: 10_000,
  peersPerSwarmMax: 10_000,
  peersPerHostMax: 256,
  numWantDefault: 50,
  numWantMax: 200,
}

type Endpoint = { readonly host: string; readonly port: number; readonly peer: Peer }
type Peer = {
  readonly key: string
  readonly peerId: Uint8Array
  /** Who announced first: what counts against `peersPerHostMax`. */
  readonly host: string
  readonly endpoints: Map<AddressBytes, Endpoint>
  seed: boolean
  partialSeed: boolean
  countedAsDownloaded: boolean
  seenAtMs: number
}

/** `families` are what the answer can carry: both over HTTP, the packet's own over UDP. */
export type Announcement = {
  readonly request: AnnounceRequest
  readonly host: string
  readonly families: readonly AddressBytes[]
  readonly nowMs: number
}

export class SwarmTable {
  readonly #settings: SwarmTableSettings
  readonly #random: Random
  readonly #swarms = new Map<string, Swarm>()
  /** Swarms without peers, kept for their download count until room is needed; oldest first. */
  readonly #idle = new Set<string>()

  constructor(settings: SwarmTableSettings, random: Random) {
    this.#settings = settings
    this.#random = random
  }

  get swarmCount(): number {
    return this.#swarms.size
  }

  announce({ request, host, families, nowMs }: Announcement): Answer<AnnounceResponse> {
    const name = toHex(request.infoHash)
    const swarm = this.#swarms.get(name) ?? new Swarm(this.#settings)
    swarm.expire(nowMs)
    const refusal = this.#isFullFor(name) ? 'the tracker is full' : swarm.update(request, host, nowMs)
    if (refusal !== undefined) return { ok: false, failure: { reason: refusal } }
    this.#swarms.set(name, swarm)
    this.#noteIdle(name, swarm)
    const { numWantDefault, numWantMax, intervalS, minIntervalS } = this.#settings
    const wanted = request.event === 'stopped' ? 0 : Math.min(request.numWant ?? numWantDefault, numWantMax)
    const { complete, incomplete } = swarm.figures()
    const peers = swarm
      .sample(wanted, families, swarm.find(request, host), this.#random)
      .map(({ host: peerHost, port, peer }) => ({ host: peerHost, port, peerId: peer.peerId }))
    return { ok: true, value: { intervalS, minIntervalS, complete, incomplete, peers, externalIp: host } }
  }

  /** Figures of a swarm, zeros for one we do not know. Asking creates nothing. */
  scrape(infoHash: Uint8Array, nowMs: number): ScrapeFigures {
    const name = toHex(infoHash)
    const swarm = this.#swarms.get(name)
    if (swarm === undefined) return { complete: 0, downloaded: 0, incomplete: 0, downloaders: 0 }
    swarm.expire(nowMs)
    this.#noteIdle(name, swarm)
    return swarm.figures()
  }

  /**
   * Forgets silent peers of all swarms; call now and then, since a swarm nobody asks for does not expire
   * itself.
   */
  expire(nowMs: number): void {
    for (const [name, swarm] of this.#swarms) {
      swarm.expire(nowMs)
      this.#noteIdle(name, swarm)
    }
  }

  #isFullFor(name: string): boolean {
    if (this.#swarms.has(name) || this.#swarms.size < this.#settings.swarmsMax) return false
    const [oldest] = this.#idle
    if (oldest === undefined) return true
    this.#idle.delete(oldest)
    this.#swarms.delete(oldest)
    return false
  }

  #noteIdle(name: string, swarm: Swarm): void {
    if (swarm.peerCount === 0) this.#idle.add(name)
    else this.#idle.delete(name)
  }
}

class Swarm {
  readonly #settings: SwarmTableSettings
  /** In order of last announce, so that the silent ones are in front. */
  readonly #peers = new Map<string, Peer>()
  readonly #byEndpoint = new Map<string, Endpoint>()
  readonly #perHost = new Map<string, number>()
  readonly #pools = {
    seeds: { 4: new Pool<Endpoint>(), 16: new Pool<Endpoint>() },
    others: { 4: new Pool<Endpoint>(), 16: new Pool<Endpoint>() },
  }
  #complete = 0
  #partialSeeds = 0
  #downloaded = 0

  constructor(settings: SwarmTableSettings) {
    this.#settings = settings
  }

  get peerCount(): number {
    return this.#peers.size
  }

  figures(): Required<ScrapeFigures> {
    const incomplete = this.#peers.size - this.#complete
    const downloaders = incomplete - this.#partialSeeds
    return { complete: this.#complete, downloaded: this.#downloaded, incomplete, downloaders }
  }

  find(request: AnnounceRequest, host: string): Peer | undefined {
    return this.#peers.get(nameOf(request, host))
  }

  expire(nowMs: number): void {
    for (const peer of this.#peers.values()) {
      if (nowMs - peer.seenAtMs < this.#settings.peerTtlMs) break
      this.#remove(peer)
    }
  }

  /** Returns why not, or undefined when done. */
  update(request: AnnounceRequest, host: string, nowMs: number): string | undefined {
    const known = this.find(request, host)
    // aria2 says "stopped" with nothing left instead of "completed": what counts is that nothing is left now.
    const finished = request.left === 0 && (known?.seed === false || request.event === 'completed')
    const isNewDownload = finished && !known?.countedAsDownloaded
    if (request.event === 'stopped') {
      if (isNewDownload && known !== undefined) this.#downloaded++
      if (known !== undefined) this.#remove(known)
      return undefined
    }
    const { peersPerSwarmMax, peersPerHostMax } = this.#settings
    if (known === undefined && this.#peers.size >= peersPerSwarmMax) return 'the swarm is full'
    if (known === undefined && (this.#perHost.get(host) ?? 0) >= peersPerHostMax) {
      return 'too many peers at this address'
    }
    // A restarted client takes its port back; its old self is gone with its last endpoint.
    const rival = this.#byEndpoint.get(endpointName(host, request.port))
    if (rival !== undefined && rival.peer !== known) this.#dropEndpoint(rival)
    if (known !== undefined) this.#remove(known)
    const peer = refreshed(known, request, host, nowMs)
    if (isNewDownload) {
      peer.countedAsDownloaded = true
      this.#downloaded++
    }
    this.#add(peer, request, host)
    return undefined
  }

  /**
   * Up to `count` random endpoints of these families, never the asker's own; seeds are of no use to seeds.
   */
  sample(
    count: number,
    families: readonly AddressBytes[],
    asker: Peer | undefined,
    random: Random,
  ): Endpoint[] {
    const { seeds, others } = this.#pools
    const pools = families.flatMap((family) =>
      asker?.seed ? [others[family]] : [others[family], seeds[family]],
    )
    const own = [...(asker?.endpoints ?? [])].map(([family, endpoint]) => ({
      pool: this.#poolOf(asker!, family),
      endpoint,
    }))
    for (const { pool, endpoint } of own) pool.remove(endpoint)
    const sample = Pool.sample(pools, count, random)
    for (const { pool, endpoint } of own) pool.add(endpoint)
    return sample
  }

  #add(peer: Peer, request: AnnounceRequest, host: string): void {
    this.#peers.set(peer.key, peer)
    this.#perHost.set(peer.host, (this.#perHost.get(peer.host) ?? 0) + 1)
    if (peer.seed) this.#complete++
    if (peer.partialSeed) this.#partialSeeds++
    // Port 0 says that nobody can connect: counted, never handed out.
    if (request.port === 0) peer.endpoints.delete(familyOf(host))
    else peer.endpoints.set(familyOf(host), { host, port: request.port, peer })
    for (const [family, endpoint] of peer.endpoints) {
      this.#byEndpoint.set(endpointName(endpoint.host, endpoint.port), endpoint)
      this.#poolOf(peer, family).add(endpoint)
    }
  }

  #remove(peer: Peer): void {
    this.#peers.delete(peer.key)
    const left = (this.#perHost.get(peer.host) ?? 1) - 1
    if (left === 0) this.#perHost.delete(peer.host)
    else this.#perHost.set(peer.host, left)
    if (peer.seed) this.#complete--
    if (peer.partialSeed) this.#partialSeeds--
    for (const [family, endpoint] of peer.endpoints) {
      this.#byEndpoint.delete(endpointName(endpoint.host, endpoint.port))
      this.#poolOf(peer, family).remove(endpoint)
    }
  }

  #dropEndpoint(endpoint: Endpoint): void {
    const { host, port, peer } = endpoint
    if (peer.endpoints.size === 1) {
      this.#remove(peer)
      return
    }
    this.#byEndpoint.delete(endpointName(host, port))
    this.#poolOf(peer, familyOf(host)).remove(endpoint)
    peer.endpoints.delete(familyOf(host))
  }

  #poolOf(peer: Peer, family: AddressBytes): Pool<Endpoint> {
    return this.#pools[peer.seed ? 'seeds' : 'others'][family]
  }
}

/** The peer as this announce leaves it; endpoints move over to the new object. */
function refreshed(known: Peer | undefined, request: AnnounceRequest, host: string, nowMs: number): Peer {
  const peer: Peer = {
    key: nameOf(request, host),
    peerId: known?.peerId ?? request.peerId.slice(),
    host: known?.host ?? host,
    endpoints: new Map(),
    seed: request.left === 0,
    partialSeed: request.left > 0 && request.event === 'paused',
    countedAsDownloaded: known?.countedAsDownloaded ?? false,
    seenAtMs: nowMs,
  }
  for (const [family, { host: at, port }] of known?.endpoints ?? [])
    peer.endpoints.set(family, { host: at, port, peer })
  return peer
}

function nameOf({ peerId, key }: AnnounceRequest, host: string): string {
  return `${toHex(peerId)} ${key === undefined ? host : key}`
}

const endpointName = (host: string, port: number) => `${host} ${port}`
const familyOf = (host: string) => parseIp(host)!.length as AddressBytes
