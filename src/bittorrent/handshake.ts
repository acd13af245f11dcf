/**
 * The peer handshake: who speaks, about which share, with which extensions.
 *
 * Source: BEP 3 "peer protocol", BEP 6 (fast), BEP 10 (extension protocol), BEP 52 "upgrade path" (v2).
 *
 *   offset  size  field
 *   0       20    protocol   byte 19, then "BitTorrent protocol"
 *   20      8     reserved   [5] & 0x10 extensions; [7] & 0x04 fast, & 0x10 v2, & 0x01 DHT (not ours)
 *   28      20    infoHash   v1, or v2 cut to 20 bytes
 *   48      20    peerId
 *
 * @module
 */
import { bytesEqual, utf8 } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { type PeerId, peerId } from '../base/ids.ts'
import type { Random } from '../base/world.ts'

export type Handshake = {
  readonly extensions: boolean
  readonly fast: boolean
  /** The sender speaks v2 (and would take the v2 info hash as an answer to the v1 one). */
  readonly v2: boolean
  readonly infoHash: Uint8Array
  readonly peerId: PeerId
}

export const HANDSHAKE_BYTES = 68
export const WIRE_INFO_HASH_BYTES = 20
const PROTOCOL = utf8('\x13BitTorrent protocol')
/** BEP 20: two letters that no client in BEP 20's list has (TS is TorrentStorm's), four version characters. */
export const PEER_ID_PREFIX = '-TY0100-'

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_'

/** A fresh id: our prefix and 12 random letters. */
export function createPeerId(random: Random): PeerId {
  let text = PEER_ID_PREFIX
  for (const value of random.bytes(20 - PEER_ID_PREFIX.length)) text += LETTERS[value & 63]
  return peerId(utf8(text))
}

/** Reads exactly 68 bytes (copies). @throws {DecodeError<'NOT_BITTORRENT' | 'TRUNCATED'>} */
export function decodeHandshake(bytes: Uint8Array): Handshake {
  if (!isHandshakePrefix(bytes)) throw new DecodeError('NOT_BITTORRENT', 'no BitTorrent handshake')
  if (bytes.length < HANDSHAKE_BYTES) throw new DecodeError('TRUNCATED', 'handshake is cut short')
  return {
    extensions: (bytes[25]! & 0x10) !== 0,
    fast: (bytes[27]! & 0x04) !== 0,
    v2: (bytes[27]! & 0x10) !== 0,
    infoHash: bytes.slice(28, 48),
    peerId: peerId(bytes.slice(48, HANDSHAKE_BYTES)),
  }
}

/** Whether these first bytes can still become a handshake. */
export function isHandshakePrefix(bytes: Uint8Array): boolean {
  const length = Math.min(bytes.length, PROTOCOL.length)
  return bytesEqual(bytes.subarray(0, length), PROTOCOL.subarray(0, length))
}

export function encodeHandshake({ extensions, fast, v2, infoHash, peerId }: Handshake): Uint8Array {
  const bytes = new Uint8Array(HANDSHAKE_BYTES)
  bytes.set(PROTOCOL)
  if (extensions) bytes[25]! |= 0x10
  if (fast) bytes[27]! |= 0x04
  if (v2) bytes[27]! |= 0x10
  bytes.set(infoHash, 28)
  bytes.set(peerId, 48)
  return bytes
}

/** Gathers the 68 bytes from chunks of any size. */
export class HandshakeReader {
  readonly #bytes = new Uint8Array(HANDSHAKE_BYTES)
  #have = 0

  /** Takes what it needs of `chunk` and returns how much that was. @throws {DecodeError<'NOT_BITTORRENT'>} */
  take(chunk: Uint8Array): number {
    const taken = Math.min(chunk.length, HANDSHAKE_BYTES - this.#have)
    this.#bytes.set(chunk.subarray(0, taken), this.#have)
    this.#have += taken
    if (!isHandshakePrefix(this.#bytes.subarray(0, this.#have))) {
      throw new DecodeError('NOT_BITTORRENT', 'no BitTorrent handshake')
    }
    return taken
  }

  get complete(): boolean {
    return this.#have === HANDSHAKE_BYTES
  }

  read(): Handshake {
    return decodeHandshake(this.#bytes)
  }
}
