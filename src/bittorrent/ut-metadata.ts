/**
 * Exchange of the info dictionary: the messages, and the assembly of one copy from one peer.
 *
 * Source: BEP 9. A bencoded dictionary, for `data` followed by the raw bytes of the piece:
 *
 *   msg_type    integer  0 request, 1 data, 2 reject
 *   piece       integer  from 0, 16 KiB each, the last one shorter
 *   total_size  integer  `data` only
 *
 * @module
 */
import { concatBytes } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { decodeBencodePrefix, encodeBencode, isDict } from '../content/bencode.ts'
import { intField, required } from '../content/bencode-fields.ts'

export const METADATA_PIECE_BYTES = 16_384
/** The dictionary of one message; the bytes that follow it are bounded by the piece. */
const DICT_ITEMS_MAX = 64

export type MetadataMessage =
  | { readonly type: 'request'; readonly piece: number }
  | { readonly type: 'reject'; readonly piece: number }
  | { readonly type: 'data'; readonly piece: number; readonly totalBytes: number; readonly bytes: Uint8Array }

const TYPES = ['request', 'data', 'reject'] as const

/**
 * `bytes` is a view. Undefined for message types that BEP 9 does not know, which must be ignored.
 *
 * @throws {DecodeError<BencodeErrorCode | 'FIELD_MISSING' | 'FIELD_TYPE' | 'FIELD_RANGE'>}
 */
export function decodeMetadataMessage(payload: Uint8Array): MetadataMessage | undefined {
  const { value, end } = decodeBencodePrefix(payload, { lenientKeys: true, itemsMax: DICT_ITEMS_MAX })
  if (!isDict(value)) throw new DecodeError('FIELD_TYPE', 'a metadata message is a dictionary')
  const type = TYPES[required(intField(value, 'msg_type'), 'msg_type')]
  const piece = required(intField(value, 'piece', { max: 0xffff_ffff }), 'piece')
  if (type === undefined) return undefined
  if (type !== 'data') return { type, piece }
  const totalBytes = required(intField(value, 'total_size'), 'total_size')
  return { type, piece, totalBytes, bytes: payload.subarray(end) }
}

export function encodeMetadataMessage(message: MetadataMessage): Uint8Array {
  const fields = { msg_type: TYPES.indexOf(message.type), piece: message.piece }
  return message.type === 'data'
    ? concatBytes(encodeBencode({ ...fields, total_size: message.totalBytes }), message.bytes)
    : encodeBencode(fields)
}

/** The answer to a request for one piece of what we have. */
export function metadataAnswer(info: Uint8Array, piece: number): MetadataMessage {
  const start = piece * METADATA_PIECE_BYTES
  if (start >= info.length) return { type: 'reject', piece }
  const bytes = info.subarray(start, start + METADATA_PIECE_BYTES)
  return { type: 'data', piece, totalBytes: info.length, bytes }
}

/** A copy of the metadata costs us its bytes: so many copies for one peer, and no more (our limit). */
const COPIES_MAX = 3

/** Serves a request. Rejects while there is nothing to serve, when the peer had its copies, or does not read them. */
export function answerMetadata(
  asker: {
    metadataSentBytes: number
    readonly writable: boolean
    readonly extensions: { sendMetadata(message: MetadataMessage): void }
  },
  piece: number,
  info: Uint8Array | undefined,
): void {
  const spent = asker.metadataSentBytes >= COPIES_MAX * (info?.length ?? 0)
  const refused = info === undefined || spent || !asker.writable
  const answer = refused ? ({ type: 'reject', piece } as const) : metadataAnswer(info, piece)
  if (answer.type === 'data') asker.metadataSentBytes += answer.bytes.length
  asker.extensions.sendMetadata(answer)
}

/**
 * One copy of the info dictionary, all of it from one peer: who lies about it is known by the hash alone.
 * Memory grows with what arrived, not with what was announced.
 */
export class MetadataFetch {
  readonly totalBytes: number
  #parts: Uint8Array[] = []
  #asked = 0
  #receivedBytes = 0

  constructor(totalBytes: number) {
    this.totalBytes = totalBytes
  }

  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /** The next piece to ask for while fewer than `outstandingMax` are under way. */
  next(outstandingMax: number): number | undefined {
    if (this.#asked * METADATA_PIECE_BYTES >= this.totalBytes) return undefined
    return this.#asked - this.#parts.length < outstandingMax ? this.#asked++ : undefined
  }

  /**
   * Takes a piece (copied). Returns all bytes when this was the last one. Answers come in the order of the requests.
   *
   * @throws {DecodeError<'METADATA_UNREQUESTED' | 'METADATA_LENGTH'>}
   */
  take(piece: number, bytes: Uint8Array): Uint8Array | undefined {
    if (piece !== this.#parts.length || piece >= this.#asked) {
      throw new DecodeError('METADATA_UNREQUESTED', `metadata piece ${piece} was not the next one asked for`)
    }
    const expected = Math.min(METADATA_PIECE_BYTES, this.totalBytes - piece * METADATA_PIECE_BYTES)
    if (bytes.length !== expected) {
      throw new DecodeError(
        'METADATA_LENGTH',
        `metadata piece must be ${expected} bytes, got ${bytes.length}`,
      )
    }
    this.#parts.push(bytes.slice())
    this.#receivedBytes += bytes.length
    return this.#receivedBytes === this.totalBytes ? concatBytes(...this.#parts) : undefined
  }
}
