/**
 * A small, honest announce server over HTTP and UDP, for the demo and for tests.
 *
 * The full tracker (accounts, ratio, policy, WebSocket, several cores) is a later piece of work and takes
 * this one's place; what it will keep are the codecs in `announce/` and the rules of BEP 3, 7, 15, 21, 23, 24
 * and 48.
 *
 * @module
 */
import type { Clock, Random, StreamHost } from '../../base/world.ts'
import type { JsonEndpoints } from '../json-endpoint.ts'
import { SWARM_TABLE_DEFAULTS, SwarmTable, type SwarmTableSettings } from '../swarm-table.ts'
import { createHttpListener, HTTP_LIMITS, type HttpLimits } from './http-listener.ts'
import { createUdpListener } from './udp-listener.ts'

export type SmallTrackerSettings = {
  /** Addresses to listen on, one listener of each kind per address. */
  readonly hosts: readonly string[]
  /** 0 lets the system choose; with several hosts each gets its own. */
  readonly httpPort: number
  readonly udpPort: number
  /** How often peers are looked over for silent ones. */
  readonly sweepMs: number
  readonly table: Partial<SwarmTableSettings>
  readonly http: Partial<HttpLimits>
}

const SMALL_TRACKER_DEFAULTS: SmallTrackerSettings = {
  hosts: ['127.0.0.1'],
  httpPort: 0,
  udpPort: 0,
  sweepMs: 60_000,
  table: {},
  http: {},
}

export type SmallTrackerParts = {
  readonly clock: Clock
  readonly random: Random
  /** Such as `credentialEndpoints(authority)`. */
  readonly endpoints?: JsonEndpoints
}

export type SmallTracker = AsyncDisposable & {
  /** `http://…/announce` and `udp://…`, in the order of `hosts`. */
  readonly announceUrls: { readonly http: readonly string[]; readonly udp: readonly string[] }
  /** Base of the JSON endpoints: `http://host:port`. */
  readonly url: string
  status(): SmallTrackerStatus
}

type SmallTrackerStatus = {
  readonly swarms: number
  /** `announce`, `scrape`, and faults by code. */
  readonly counts: Readonly<Record<string, number>>
}

export async function createSmallTracker(
  settings: Partial<SmallTrackerSettings>,
  { clock, random, endpoints = new Map() }: SmallTrackerParts,
): Promise<SmallTracker> {
  const { hosts, httpPort, udpPort, sweepMs, ...own } = { ...SMALL_TRACKER_DEFAULTS, ...settings }
  const table = new SwarmTable({ ...SWARM_TABLE_DEFAULTS, ...own.table }, random)
  const counts: Record<string, number> = {}
  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1
  }
  const parts = { table, clock, count, endpoints, limits: { ...HTTP_LIMITS, ...own.http } }
  await using opened = new AsyncDisposableStack()
  const httpHosts: StreamHost[] = []
  const udpHosts: StreamHost[] = []
  for (const host of hosts) {
    httpHosts.push(opened.use(await createHttpListener(host, httpPort, parts)))
    udpHosts.push(opened.use(await createUdpListener(host, udpPort, parts)))
  }
  const sweep = setInterval(() => table.expire(clock.monotonicMs()), sweepMs)
  opened.defer(() => clearInterval(sweep))
  const listeners = opened.move()
  return {
    announceUrls: {
      http: httpHosts.map((listener) => `http://${authorityOf(listener)}/announce`),
      udp: udpHosts.map((listener) => `udp://${authorityOf(listener)}`),
    },
    url: `http://${authorityOf(httpHosts[0]!)}`,
    status: () => ({ swarms: table.swarmCount, counts: { ...counts } }),
    [Symbol.asyncDispose]: () => listeners.disposeAsync(),
  }
}

const authorityOf = ({ address: { host, port } }: StreamHost) =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`
