/**
 * Peer wire messages: numbers, limits, encoders.
 *
 * Source: BEP 3 "peer messages", BEP 6, BEP 10, BEP 52 (21-23). Integers are big-endian.
 *
 *   offset  size  field
 *   0       4     length     of what follows; 0 is a keep-alive
 *   4       1     id
 *   5       ...   payload    by id, see `WireMessage`
 *
 * @module
 */
import { viewOf } from '../base/bytes.ts'
import type { FileHashRange } from './hash-range.ts'

export const CHOKE = 0
export const UNCHOKE = 1
export const INTERESTED = 2
export const NOT_INTERESTED = 3
export const HAVE = 4
export const BITFIELD = 5
export const REQUEST = 6
export const PIECE = 7
export const CANCEL = 8
export const PORT = 9
export const SUGGEST = 13
export const HAVE_ALL = 14
export const HAVE_NONE = 15
export const REJECT = 16
export const ALLOWED_FAST = 17
export const EXTENDED = 20
export const HASH_REQUEST = 21
export const HASHES = 22
export const HASH_REJECT = 23

/** Length, id, piece, begin: what stands before a block's bytes. */
export const PIECE_HEADER_BYTES = 13
export const REQUEST_BYTES = 17
/** Longest block we serve or read. Ours are 16 KiB; some clients ask for more (our limit). */
export const WIRE_BLOCK_BYTES_MAX = 1 << 17

export type PlainKind = 'choke' | 'unchoke' | 'interested' | 'not-interested'

/** Those of BEP 6. `suggest` and `allowed-fast` are advice. */
export type FastMessage =
  | { readonly type: 'have-all' | 'have-none' }
  | { readonly type: 'suggest' | 'allowed-fast'; readonly piece: number }
  | { readonly type: 'reject'; readonly piece: number; readonly begin: number; readonly length: number }

/** What two peers tell each other about pieces and wishes. */
export type ExchangeMessage =
  | { readonly type: PlainKind }
  | FastMessage
  | { readonly type: 'have'; readonly piece: number }
  | { readonly type: 'bitfield'; readonly bytes: Uint8Array }
  | { readonly type: 'cancel'; readonly piece: number; readonly begin: number; readonly length: number }

/** A message other than `request` and `piece`, which pass through the sink without an object. Bytes are views. */
export type WireMessage =
  | ExchangeMessage
  | { readonly type: 'keep-alive' }
  | { readonly type: 'port'; readonly port: number }
  | { readonly type: 'extended'; readonly id: number; readonly payload: Uint8Array }
  | { readonly type: 'hash-request' | 'hash-reject'; readonly range: FileHashRange }
  | { readonly type: 'hashes'; readonly range: FileHashRange; readonly hashes: Uint8Array }

export const KEEP_ALIVE_MESSAGE: Uint8Array = new Uint8Array(4)

/** A message of uint32 fields: choke (none) to cancel (three). */
export function encodeFixed(id: number, ...fields: readonly number[]): Uint8Array {
  const message = new Uint8Array(5 + 4 * fields.length)
  const view = viewOf(message)
  view.setUint32(0, 1 + 4 * fields.length)
  message[4] = id
  fields.forEach((field, i) => {
    view.setUint32(5 + 4 * i, field)
  })
  return message
}

/** A message of `id` and raw bytes (copied): bitfield, hashes. */
export function encodeBytes(id: number, payload: Uint8Array): Uint8Array {
  const message = new Uint8Array(5 + payload.length)
  viewOf(message).setUint32(0, 1 + payload.length)
  message[4] = id
  message.set(payload, 5)
  return message
}

/** BEP 10: an extension message under the number its receiver chose. */
export function encodeExtended(extensionId: number, payload: Uint8Array): Uint8Array {
  const message = new Uint8Array(6 + payload.length)
  viewOf(message).setUint32(0, 2 + payload.length)
  message[4] = EXTENDED
  message[5] = extensionId
  message.set(payload, 6)
  return message
}

/** Many request (or cancel, reject) messages in one buffer, from (piece, begin, length) triples. */
export function encodeTriples(id: number, triples: Int32Array, count: number): Uint8Array {
  const messages = new Uint8Array(REQUEST_BYTES * count)
  const view = viewOf(messages)
  for (let i = 0, at = 0; i < count; i++, at += REQUEST_BYTES) {
    view.setUint32(at, 13)
    messages[at + 4] = id
    view.setUint32(at + 5, triples[3 * i]!)
    view.setUint32(at + 9, triples[3 * i + 1]!)
    view.setUint32(at + 13, triples[3 * i + 2]!)
  }
  return messages
}

/** Writes the 13 bytes that stand before a block at `at`. */
export function writePieceHeader(
  into: Uint8Array,
  at: number,
  block: readonly [number, number, number],
): void {
  const [piece, begin, length] = block
  writeUint32(into, at, 9 + length)
  into[at + 4] = PIECE
  writeUint32(into, at + 5, piece)
  writeUint32(into, at + 9, begin)
}

function writeUint32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24
  into[at + 1] = value >>> 16
  into[at + 2] = value >>> 8
  into[at + 3] = value
}

export const readUint32 = (from: Uint8Array, at: number): number =>
  ((from[at]! << 24) | (from[at + 1]! << 16) | (from[at + 2]! << 8) | from[at + 3]!) >>> 0
