/**
 * Which pieces a peer may have of us while choked: the same few from everybody for one /24.
 *
 * Source: BEP 6, "Allowed Fast Set Generation". IPv4 only, as it says.
 *
 * @module
 */
import { concatBytes, viewOf } from '../base/bytes.ts'
import { parseIp } from '../base/ip.ts'
import type { Hash } from '../crypto/sha.ts'

export type FastSetInput = {
  /** The peer's IPv4 address, 4 bytes. */
  readonly ip: Uint8Array
  /** The 20 bytes of the handshake. */
  readonly infoHash: Uint8Array
  readonly pieceCount: number
  readonly size: number
}

export function allowedFastSet(input: FastSetInput, sha1: Hash): number[] {
  const size = Math.min(input.size, input.pieceCount)
  const pieces: number[] = []
  let x = concatBytes(input.ip.subarray(0, 3), Uint8Array.of(0), input.infoHash)
  while (pieces.length < size) {
    x = sha1(x)
    const view = viewOf(x)
    for (let i = 0; i < 5 && pieces.length < size; i++) {
      const piece = view.getUint32(4 * i) % input.pieceCount
      if (!pieces.includes(piece)) pieces.push(piece)
    }
  }
  return pieces
}

/** BEP 6 proposes ten. */
const FAST_SET_SIZE = 10

/** The set for a peer at `host`; empty for IPv6. */
export function fastSetFor(
  host: string,
  share: { readonly infoHash: Uint8Array; readonly pieceCount: number },
  sha1: Hash,
): number[] {
  const ip = parseIp(host)
  return ip?.length === 4 ? allowedFastSet({ ...share, ip, size: FAST_SET_SIZE }, sha1) : []
}
