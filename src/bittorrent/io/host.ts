/**
 * One listener, one clock and one set of limits for all swarms of a node.
 *
 * @module
 */

import { toHex } from '../../base/bytes.ts'
import type { PeerId } from '../../base/ids.ts'
import { systemClock, systemRandom } from '../../base/io/system.ts'
import type { Address, ByteStream, Clock, Dialer, Random, StreamOwner } from '../../base/world.ts'
import { sha1, sha256 } from '../../crypto/io/sha.ts'
import { truncated } from '../admission.ts'
import { BlockPool } from '../block-pool.ts'
import { ConnectionBudget } from '../connection-budget.ts'
import {
  type BittorrentHost,
  DEFAULT_HOST_SETTINGS,
  type HostSettings,
  type HostStatus,
  type Swarm,
  type SwarmOptions,
  type SwarmParts,
} from '../contract.ts'
import { Greeting } from '../greeting.ts'
import { createPeerId, type Handshake } from '../handshake.ts'
import { TorrentSwarm } from '../swarm.ts'
import { listenTcp, type TcpHost, tcpDialer } from './tcp.ts'

const TICK_MS = 250

export type HostParts = {
  readonly clock?: Clock
  readonly random?: Random
  readonly dialer?: Dialer
}

/** Opens the listener (port 0 resolves). @throws {CodedError<'LISTEN_FAILED'>} */
export async function createBittorrentHost(
  settings: Partial<HostSettings> = {},
  parts: HostParts = {},
): Promise<BittorrentHost> {
  const host = new Host({ ...DEFAULT_HOST_SETTINGS, ...settings }, parts)
  await host.open()
  return host
}

class Host implements BittorrentHost {
  readonly peerId: PeerId
  readonly #settings: HostSettings
  readonly #clock: Clock
  readonly #random: Random
  readonly #dialer: Dialer
  readonly #budget: ConnectionBudget
  readonly #pool = new BlockPool()
  readonly #swarms = new Set<TorrentSwarm>()
  /** By the 20 bytes of a handshake, in hex. */
  readonly #routes = new Map<string, TorrentSwarm>()
  readonly #greetings = new Set<Greeting>()
  readonly #refused: Record<string, number> = {}
  #listener: TcpHost | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(settings: HostSettings, { clock, random, dialer }: HostParts) {
    this.#settings = settings
    this.#clock = clock ?? systemClock
    this.#random = random ?? systemRandom
    this.#dialer = dialer ?? tcpDialer
    this.#budget = new ConnectionBudget(settings.connectionsMax, settings.connectionsPerHostMax)
    this.peerId = createPeerId(this.#random)
  }

  async open(): Promise<void> {
    const { listen } = this.#settings
    if (listen !== undefined) this.#listener = await listenTcp(listen, (stream) => this.#accept(stream))
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  get address(): Address | undefined {
    return this.#listener?.address
  }

  addSwarm(options: SwarmOptions): Swarm {
    const settings = { ...this.#settings.swarm, ...options.settings }
    const parts: SwarmParts = {
      clock: this.#clock,
      random: this.#random,
      digests: { sha1, sha256 },
      dialer: this.#dialer,
      budget: this.#budget,
      pool: this.#pool,
      peerId: this.peerId,
      listenPort: this.address?.port ?? 0,
      hashesChanged: () => this.#route(swarm),
      closed: () => this.#forget(swarm),
    }
    const swarm: TorrentSwarm = new TorrentSwarm({ ...options, settings }, parts)
    this.#swarms.add(swarm)
    this.#route(swarm)
    return swarm
  }

  status(): HostStatus {
    return {
      address: this.address,
      connections: this.#budget.count,
      swarms: this.#swarms.size,
      refused: { ...this.#refused },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#swarms].map((swarm) => swarm[Symbol.asyncDispose]()))
    clearInterval(this.#timer)
    for (const greeting of this.#greetings) greeting.fail('HOST_CLOSED')
    await this.#listener?.[Symbol.asyncDispose]()
  }

  #tick(): void {
    const nowMs = this.#clock.monotonicMs()
    for (const greeting of this.#greetings) {
      if (nowMs - greeting.startedMs > this.#settings.handshakeTimeoutMs) greeting.fail('HANDSHAKE_TIMEOUT')
    }
    for (const swarm of this.#swarms) swarm.tick(nowMs)
  }

  #accept(stream: ByteStream): StreamOwner | undefined {
    const { host } = stream.remote
    if (!this.#budget.take(host)) {
      this.#count('CONNECTIONS_MAX')
      return undefined
    }
    const greeting = new Greeting(
      stream,
      {
        admit: (_, handshake) => this.#admit(stream, handshake),
        admitted: () => this.#greetings.delete(greeting),
        failed: (_, code) => {
          this.#greetings.delete(greeting)
          this.#count(code)
        },
        closed: () => this.#budget.give(host),
      },
      this.#clock.monotonicMs(),
    )
    this.#greetings.add(greeting)
    return greeting
  }

  #admit(stream: ByteStream, handshake: Handshake): StreamOwner | string {
    return this.#routes.get(toHex(handshake.infoHash))?.admit(stream, handshake) ?? 'WRONG_INFO_HASH'
  }

  #route(swarm: TorrentSwarm): void {
    if (swarm.infoHashV1 !== undefined) this.#routes.set(toHex(swarm.infoHashV1), swarm)
    if (swarm.infoHashV2 !== undefined) this.#routes.set(toHex(truncated(swarm.infoHashV2)), swarm)
  }

  #forget(swarm: TorrentSwarm): void {
    this.#swarms.delete(swarm)
    for (const [hash, routed] of this.#routes) if (routed === swarm) this.#routes.delete(hash)
  }

  #count(code: string): void {
    this.#refused[code] = (this.#refused[code] ?? 0) + 1
  }
}
