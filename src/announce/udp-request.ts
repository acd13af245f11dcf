/**
 * UDP tracker requests: connect, announce, scrape.
 *
 * Source: BEP 15; BEP 41 for what follows byte 98 of an announce. Integers are big-endian; bytes after the
 * known ones are ignored.
 *
 *   connect            announce                                          scrape
 *   0   8 protocolId   0  8 connectionId   72 8 uploaded                 0   8  connectionId
 *   8   4 action 0     8  4 action 1       80 4 event                    8   4  action 2
 *   12  4 transaction  12 4 transaction    84 4 ip, sent as 0, ignored   12  4  transaction
 *                      16 20 infoHash      88 4 key                      16  20 infoHash, repeated
 *                      36 20 peerId        92 4 numWant, -1 for default
 *                      56 8 downloaded     96 2 port
 *                      64 8 left           98   options
 *
 * @module
 */
import { assert, isUint32 } from '../base/assert.ts'
import { concatBytes, viewOf } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { type AnnounceEvent, type AnnounceRequest, INFO_HASH_BYTES, PEER_ID_BYTES } from './announce.ts'
import { decodeUrlData, encodeUrlData } from './udp-options.ts'

type UdpConnectRequest = { readonly action: 'connect'; readonly transactionId: number }
type UdpAnnounceRequest = {
  readonly action: 'announce'
  readonly connectionId: bigint
  readonly transactionId: number
  readonly announce: AnnounceRequest
  /** Path and query of the tracker's URL (BEP 41), may be empty. */
  readonly urlData: Uint8Array
}
type UdpScrapeRequest = {
  readonly action: 'scrape'
  readonly connectionId: bigint
  readonly transactionId: number
  readonly infoHashes: readonly Uint8Array[]
}
export type UdpRequest = UdpConnectRequest | UdpAnnounceRequest | UdpScrapeRequest

export type UdpRequestLimits = { readonly urlDataBytesMax: number; readonly hashesMax: number }
/** 74 hashes are what BEP 15 says fits into one packet. */
export const UDP_REQUEST_LIMITS: UdpRequestLimits = { urlDataBytesMax: 1024, hashesMax: 74 }

export const UDP_ACTIONS = { connect: 0, announce: 1, scrape: 2, error: 3 } as const
/**
 * A client may use a connection id this long after receiving it; a tracker takes it twice as long (BEP 15).
 */
export const CONNECTION_ID_CLIENT_TTL_MS = 60_000

const PROTOCOL_ID = 0x417_2710_1980n
const HEADER_BYTES = 16
const ANNOUNCE_BYTES = 98
/** By number on the wire; `paused` has none in BEP 21, 4 is what libtorrent sends. */
const EVENTS: readonly (AnnounceEvent | undefined)[] = [
  undefined,
  'completed',
  'started',
  'stopped',
  'paused',
]

/**
 * Reads a request. Views into the packet, no copies. The connection id is for the caller to check.
 *
 * @throws {DecodeError<'TRUNCATED' | 'PROTOCOL_ID' | 'ACTION' | 'EVENT' | 'HASHES_LENGTH' | 'HASHES_COUNT'
 *   | 'OPTION_TRUNCATED' | 'URL_DATA_LENGTH'>}
 */
export function decodeUdpRequest(packet: Uint8Array, limits = UDP_REQUEST_LIMITS): UdpRequest {
  if (packet.length < HEADER_BYTES) throw truncated(packet)
  const view = viewOf(packet)
  const connectionId = view.getBigUint64(0)
  const action = view.getUint32(8)
  const transactionId = view.getUint32(12)
  if (action === UDP_ACTIONS.connect) {
    if (connectionId !== PROTOCOL_ID)
      throw new DecodeError('PROTOCOL_ID', 'not a UDP tracker connect request')
    return { action: 'connect', transactionId }
  }
  if (action === UDP_ACTIONS.announce) {
    if (packet.length < ANNOUNCE_BYTES) throw truncated(packet)
    const urlData = decodeUrlData(packet.subarray(ANNOUNCE_BYTES), limits.urlDataBytesMax)
    return { action: 'announce', connectionId, transactionId, announce: readAnnounce(packet), urlData }
  }
  if (action === UDP_ACTIONS.scrape) {
    const infoHashes = readHashes(packet.subarray(HEADER_BYTES), limits.hashesMax)
    return { action: 'scrape', connectionId, transactionId, infoHashes }
  }
  throw new DecodeError('ACTION', 'no such action', { details: { action } })
}

const truncated = (packet: Uint8Array) =>
  new DecodeError('TRUNCATED', 'UDP tracker request is too short', {
    details: { packetBytes: packet.length },
  })

function readAnnounce(packet: Uint8Array): AnnounceRequest {
  const view = viewOf(packet)
  const eventNumber = view.getUint32(80)
  if (eventNumber >= EVENTS.length) {
    throw new DecodeError('EVENT', 'no such event', { details: { eventNumber } })
  }
  const event = EVENTS[eventNumber]
  const numWant = view.getInt32(92)
  return {
    infoHash: packet.subarray(16, 36),
    peerId: packet.subarray(36, 56),
    downloaded: readCount(view, 56),
    left: readCount(view, 64),
    uploaded: readCount(view, 72),
    ...(event === undefined ? {} : { event }),
    key: view.getUint32(88),
    ...(numWant < 0 ? {} : { numWant }),
    port: view.getUint16(96),
  }
}

const readCount = (view: DataView, offset: number): number =>
  Math.min(Number(view.getBigUint64(offset)), Number.MAX_SAFE_INTEGER)

function readHashes(bytes: Uint8Array, hashesMax: number): Uint8Array[] {
  const count = bytes.length / INFO_HASH_BYTES
  if (!Number.isInteger(count)) throw new DecodeError('HASHES_LENGTH', 'a scrape holds whole info hashes')
  if (count > hashesMax)
    throw new DecodeError('HASHES_COUNT', `a scrape asks for at most ${hashesMax} swarms`)
  return Array.from({ length: count }, (_, i) =>
    bytes.subarray(i * INFO_HASH_BYTES, (i + 1) * INFO_HASH_BYTES),
  )
}

/** A new packet. */
export function encodeUdpRequest(request: UdpRequest): Uint8Array {
  assert(isUint32(request.transactionId), 'transactionId is a uint32')
  const packet = new Uint8Array(request.action === 'announce' ? ANNOUNCE_BYTES : HEADER_BYTES)
  const view = viewOf(packet)
  view.setBigUint64(0, request.action === 'connect' ? PROTOCOL_ID : request.connectionId)
  view.setUint32(8, UDP_ACTIONS[request.action])
  view.setUint32(12, request.transactionId)
  if (request.action === 'connect') return packet
  if (request.action === 'scrape') {
    assert(
      request.infoHashes.every((hash) => hash.length === INFO_HASH_BYTES),
      'an info hash has 20 bytes',
    )
    return concatBytes(packet, ...request.infoHashes)
  }
  writeAnnounce(packet, request.announce)
  return concatBytes(packet, encodeUrlData(request.urlData))
}

function writeAnnounce(packet: Uint8Array, announce: AnnounceRequest): void {
  const { infoHash, peerId, key = 0, numWant = -1, port } = announce
  assert(
    infoHash.length === INFO_HASH_BYTES && peerId.length === PEER_ID_BYTES,
    'hash and peer id have 20 bytes',
  )
  assert(
    isUint32(key) && Number.isInteger(port) && port >= 0 && port <= 0xffff,
    'key and port fit their fields',
  )
  const view = viewOf(packet)
  packet.set(infoHash, 16)
  packet.set(peerId, 36)
  view.setBigUint64(56, BigInt(announce.downloaded))
  view.setBigUint64(64, BigInt(announce.left))
  view.setBigUint64(72, BigInt(announce.uploaded))
  view.setUint32(80, EVENTS.indexOf(announce.event))
  view.setUint32(88, key)
  view.setInt32(92, numWant)
  view.setUint16(96, port)
}
