/**
 * Compact peer lists: addresses and ports end to end.
 *
 * Source: BEP 23 (IPv4, 6 bytes a peer), BEP 7 (IPv6, 18 bytes a peer). Integers are big-endian.
 *
 *   offset  size  field
 *   0       4|16  address
 *   4|16    2     port
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { viewOf } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { formatIp, parseIp } from '../base/ip.ts'
import type { Address } from '../base/world.ts'

/** Bytes of an address: 4 for IPv4, 16 for IPv6. */
export type AddressBytes = 4 | 16

/**
 * At most `peersMax` peers from the front of the list; port 0 cannot be dialled and is left out.
 *
 * @throws {DecodeError<'PEERS_LENGTH'>} when the bytes are no whole number of peers
 */
export function decodeCompactPeers(
  bytes: Uint8Array,
  addressBytes: AddressBytes,
  peersMax: number,
): Address[] {
  const stride = addressBytes + 2
  if (bytes.length % stride !== 0) {
    throw new DecodeError('PEERS_LENGTH', `a compact peer list is a multiple of ${stride} bytes`, {
      details: { listBytes: bytes.length },
    })
  }
  const view = viewOf(bytes)
  const peers: Address[] = []
  for (let at = 0; at < bytes.length && peers.length < peersMax; at += stride) {
    const port = view.getUint16(at + addressBytes)
    if (port !== 0) peers.push({ host: formatIp(bytes.subarray(at, at + addressBytes)), port })
  }
  return peers
}

/** The peers of this address family; the others are left out, they travel in the other list. */
export function encodeCompactPeers(peers: readonly Address[], addressBytes: AddressBytes): Uint8Array {
  const stride = addressBytes + 2
  const bytes = new Uint8Array(peers.length * stride)
  const view = viewOf(bytes)
  let at = 0
  for (const { host, port } of peers) {
    const address = parseIp(host)
    assert(address !== undefined, 'a peer has an IP address')
    assert(Number.isInteger(port) && port > 0 && port <= 0xffff, 'a peer has a port')
    if (address.length !== addressBytes) continue
    bytes.set(address, at)
    view.setUint16(at + addressBytes, port)
    at += stride
  }
  return bytes.subarray(0, at)
}
