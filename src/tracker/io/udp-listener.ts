/**
 * UDP side of the announce server: connection ids, announces and scrapes.
 *
 * Source: BEP 15. A connection id is a keyed hash of the asker's address and the minute, so that none has to
 * be stored and nobody who cannot read our answers has one. Packets without a good id, or that do not decode,
 * are counted and get no answer: whoever spoofs a source address gains no traffic from us (a connect response
 * is as long as its request).
 *
 * @module
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressBytes } from '../../announce/compact-peers.ts'
import { CONNECTION_ID_CLIENT_TTL_MS, decodeUdpRequest, type UdpRequest } from '../../announce/udp-request.ts'
import { encodeUdpResponse, type UdpResponse } from '../../announce/udp-response.ts'
import { viewOf } from '../../base/bytes.ts'
import { codeOf, DecodeError } from '../../base/errors.ts'
import { canonicalIp, parseIp } from '../../base/ip.ts'
import type { Address, Clock, StreamHost } from '../../base/world.ts'
import type { SwarmTable } from '../swarm-table.ts'

export type ListenerParts = {
  readonly table: SwarmTable
  readonly clock: Clock
  /** Something happened that is worth counting: `announce`, `scrape`, or the code of a fault. */
  readonly count: (what: string) => void
}

export async function createUdpListener(
  host: string,
  port: number,
  parts: ListenerParts,
): Promise<StreamHost> {
  const socket = createSocket(host.includes(':') ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' })
  const answer = packetAnswerer(parts)
  socket.on('message', (packet, remote) => {
    const response = answer(packet, { host: remote.address, port: remote.port })
    if (response !== undefined)
      socket.send(response, remote.port, remote.address, (error) => error && parts.count(codeOf(error)))
  })
  socket.bind(port, host)
  await once(socket, 'listening') // rejects on 'error'
  socket.on('error', (error) => parts.count(codeOf(error)))
  return {
    address: { host, port: socket.address().port },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  }
}

type ConnectionIds = {
  readonly issue: (host: string) => bigint
  readonly isGood: (id: bigint, host: string) => boolean
}

/** Good for two to three minutes: BEP 15 asks for two. */
function connectionIds(clock: Clock): ConnectionIds {
  const secret = randomBytes(32)
  const minuteNow = () => Math.floor(clock.monotonicMs() / CONNECTION_ID_CLIENT_TTL_MS)
  const idFor = (host: string, minute: number) =>
    createHmac('sha256', secret).update(`${minute} ${host}`).digest().subarray(0, 8)
  return {
    issue: (host) => idFor(host, minuteNow()).readBigUInt64BE(),
    isGood: (id, host) => {
      const given = new Uint8Array(8)
      viewOf(given).setBigUint64(0, id)
      return [0, 1, 2].some((age) => timingSafeEqual(given, idFor(host, minuteNow() - age)))
    },
  }
}

/** What a packet from an address deserves: an answer, or nothing. */
export function packetAnswerer(parts: ListenerParts) {
  const ids = connectionIds(parts.clock)
  return (packet: Uint8Array, remote: Address): Uint8Array | undefined => {
    const host = canonicalIp(remote.host)
    // Port 0 is only ever forged, and Node throws when asked to send there.
    if (host === undefined || remote.port === 0) {
      parts.count('NO_ADDRESS')
      return undefined
    }
    try {
      const request = decodeUdpRequest(packet)
      if (request.action !== 'connect' && !ids.isGood(request.connectionId, host)) {
        parts.count('BAD_CONNECTION_ID')
        return undefined
      }
      const addressBytes = parseIp(host)!.length as AddressBytes
      return encodeUdpResponse(respond(request, host, addressBytes, ids, parts), addressBytes)
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      parts.count(error.code)
      return undefined
    }
  }
}

function respond(
  request: UdpRequest,
  host: string,
  family: AddressBytes,
  ids: ConnectionIds,
  { table, clock, count }: ListenerParts,
): UdpResponse {
  const { action, transactionId } = request
  if (action === 'connect') return { action, transactionId, connectionId: ids.issue(host) }
  const nowMs = clock.monotonicMs()
  count(action)
  if (action === 'scrape') {
    return { action, transactionId, figures: request.infoHashes.map((hash) => table.scrape(hash, nowMs)) }
  }
  const result = table.announce({ request: request.announce, host, families: [family], nowMs })
  if (result.ok) return { action, transactionId, announce: result.value }
  count('ANNOUNCE_REFUSED')
  return { action: 'error', transactionId, reason: result.failure.reason }
}
