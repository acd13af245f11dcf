/**
 * UDP tracker responses: connect, announce, scrape, error.
 *
 * Source: BEP 15. Integers are big-endian. An announce response to an IPv6 packet has the same form with
 * addresses of 16 bytes, and nothing in the packet says so: the reader must know. A cut-off last entry is
 * ignored, as "do not expect packets to be exactly of a certain size" allows.
 *
 *   connect             announce                   scrape                   error
 *   0 4 action 0        0  4 action 1              0 4 action 2             0 4 action 3
 *   4 4 transaction     4  4 transaction           4 4 transaction          4 4 transaction
 *   8 8 connectionId    8  4 interval (s)          then 12 each:            8   message
 *                       12 4 leechers              0 4 seeders
 *                       16 4 seeders               4 4 completed
 *                       20   compact peers         8 4 leechers
 *
 * @module
 */
import { assert, isUint32 } from '../base/assert.ts'
import { concatBytes, utf8, viewOf } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { type AnnounceResponse, REASON_CHARS_MAX, reasonText, type ScrapeFigures } from './announce.ts'
import { type AddressBytes, decodeCompactPeers, encodeCompactPeers } from './compact-peers.ts'
import { UDP_ACTIONS } from './udp-request.ts'

type UdpConnectResponse = { readonly action: 'connect'; readonly connectionId: bigint }
type UdpAnnounceResponse = { readonly action: 'announce'; readonly announce: AnnounceResponse }
type UdpScrapeResponse = { readonly action: 'scrape'; readonly figures: readonly ScrapeFigures[] }
type UdpErrorResponse = { readonly action: 'error'; readonly reason: string }
export type UdpResponse = { readonly transactionId: number } & (
  | UdpConnectResponse
  | UdpAnnounceResponse
  | UdpScrapeResponse
  | UdpErrorResponse
)

export type UdpResponseLimits = { readonly peersMax: number }

const HEADER_BYTES = 8
const CONNECT_BYTES = 16
const ANNOUNCE_BYTES = 20
const FIGURES_BYTES = 12

/**
 * The transaction id alone: all that is worth reading before knowing whether the packet answers something.
 *
 * @throws {DecodeError<'TRUNCATED'>}
 */
export function peekTransactionId(packet: Uint8Array): number {
  if (packet.length < HEADER_BYTES) throw truncated(packet)
  return viewOf(packet).getUint32(4)
}

/**
 * Reads a response to a packet that went to an address of `addressBytes`.
 *
 * @throws {DecodeError<'TRUNCATED' | 'ACTION'>}
 */
export function decodeUdpResponse(
  packet: Uint8Array,
  addressBytes: AddressBytes,
  { peersMax }: UdpResponseLimits,
): UdpResponse {
  const transactionId = peekTransactionId(packet)
  const view = viewOf(packet)
  const action = view.getUint32(0)
  switch (action) {
    case UDP_ACTIONS.connect:
      if (packet.length < CONNECT_BYTES) throw truncated(packet)
      return { action: 'connect', transactionId, connectionId: view.getBigUint64(8) }
    case UDP_ACTIONS.announce: {
      if (packet.length < ANNOUNCE_BYTES) throw truncated(packet)
      const list = wholeEntries(packet.subarray(ANNOUNCE_BYTES), addressBytes + 2)
      const announce = {
        intervalS: view.getUint32(8),
        incomplete: view.getUint32(12),
        complete: view.getUint32(16),
        peers: decodeCompactPeers(list, addressBytes, peersMax),
      }
      return { action: 'announce', transactionId, announce }
    }
    case UDP_ACTIONS.scrape:
      return { action: 'scrape', transactionId, figures: readFigures(packet.subarray(HEADER_BYTES)) }
    case UDP_ACTIONS.error:
      return { action: 'error', transactionId, reason: reasonText(packet.subarray(HEADER_BYTES)) }
    default:
      throw new DecodeError('ACTION', 'no such action', { details: { action } })
  }
}

const truncated = (packet: Uint8Array) =>
  new DecodeError('TRUNCATED', 'UDP tracker response is too short', {
    details: { packetBytes: packet.length },
  })

const wholeEntries = (bytes: Uint8Array, stride: number) =>
  bytes.subarray(0, bytes.length - (bytes.length % stride))

/** A packet bounds the count: at most 5,460 entries in 64 KiB. */
function readFigures(bytes: Uint8Array): ScrapeFigures[] {
  const view = viewOf(bytes)
  return Array.from({ length: Math.floor(bytes.length / FIGURES_BYTES) }, (_, i) => ({
    complete: view.getUint32(i * FIGURES_BYTES),
    downloaded: view.getUint32(i * FIGURES_BYTES + 4),
    incomplete: view.getUint32(i * FIGURES_BYTES + 8),
  }))
}

/** A new packet; peers of the other address family are left out. */
export function encodeUdpResponse(response: UdpResponse, addressBytes: AddressBytes): Uint8Array {
  const head = uint32s(UDP_ACTIONS[response.action], response.transactionId)
  switch (response.action) {
    case 'connect': {
      const id = new Uint8Array(8)
      viewOf(id).setBigUint64(0, response.connectionId)
      return concatBytes(head, id)
    }
    case 'announce': {
      const { intervalS, incomplete = 0, complete = 0, peers } = response.announce
      return concatBytes(
        head,
        uint32s(intervalS, incomplete, complete),
        encodeCompactPeers(peers, addressBytes),
      )
    }
    case 'scrape':
      return concatBytes(
        head,
        ...response.figures.map((swarm) => uint32s(swarm.complete, swarm.downloaded, swarm.incomplete)),
      )
    case 'error':
      return concatBytes(head, utf8(response.reason.slice(0, REASON_CHARS_MAX)))
  }
}

function uint32s(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length)
  const view = viewOf(bytes)
  for (const [i, value] of values.entries()) {
    assert(isUint32(value), 'the field is a uint32')
    view.setUint32(4 * i, value)
  }
  return bytes
}
