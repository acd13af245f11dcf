/**
 * An incremental reader of the peer wire. Blocks pass as ranges of the chunk that was received, so that their bytes
 * are copied once, by whoever knows where they belong; requests pass as numbers. Everything else is a small value.
 *
 * Source: BEP 3 "peer messages", BEP 6, 10, 52. Layout in `wire.ts`.
 *
 * @module
 */
import { DecodeError } from '../base/errors.ts'
import { HASH_BYTES, REQUEST_HASHES_MAX } from '../crypto/merkle.ts'
import { decodeHashRange, HASH_RANGE_BYTES, LAYERS_MAX } from './hash-range.ts'
import * as wire from './wire.ts'

/** Who listens. Views are valid during the call only. */
export type WireSink = {
  message(message: wire.WireMessage): void
  request(piece: number, begin: number, length: number): void
  /** A block starts; its bytes follow in order, in one or more ranges. */
  blockBegin(piece: number, begin: number, length: number): void
  blockBytes(chunk: Uint8Array, from: number, to: number): void
  blockEnd(): void
}

export type WireLimits = {
  readonly extensionBytesMax: number
  /** A bitfield's longest length while the piece count is unknown (magnets). */
  readonly bitfieldBytesMax: number
  /** Messages of unknown kind are skipped up to this length. */
  readonly unknownBytesMax: number
}

/** 1 MiB of bits is 8 million pieces; a metadata of 32 MiB cannot name more v1 pieces than 1.7 million. */
export const DEFAULT_WIRE_LIMITS: WireLimits = {
  extensionBytesMax: 1 << 20,
  bitfieldBytesMax: 1 << 20,
  unknownBytesMax: 1 << 20,
}

const PLAIN: readonly wire.PlainKind[] = ['choke', 'unchoke', 'interested', 'not-interested']
const HASHES_BYTES_MAX = HASH_RANGE_BYTES + HASH_BYTES * (REQUEST_HASHES_MAX + LAYERS_MAX)

export class WireDecoder {
  /** Once known, bitfields must have exactly this many bits. */
  pieceCount: number | undefined
  readonly #limits: WireLimits
  readonly #sink: WireSink
  /** Length, id and, for messages of integers, those: gathered byte by byte, a head may be split anywhere. */
  readonly #head = new Uint8Array(wire.REQUEST_BYTES)
  #headHave = 0
  #headNeed = 4
  #blockLeft = 0
  #skipLeft = 0
  #bodyLength = 0
  #body: Uint8Array | undefined
  #bodyHave = 0
  #stopped = false

  constructor(sink: WireSink, limits: WireLimits = DEFAULT_WIRE_LIMITS) {
    this.#sink = sink
    this.#limits = limits
  }

  /** Ignores all further bytes, the rest of the current chunk included. */
  stop(): void {
    this.#stopped = true
    this.#body = undefined
  }

  /**
   * Reads a chunk to its end.
   *
   * @throws {DecodeError<'MESSAGE_LENGTH' | 'MESSAGE_TOO_LONG' | 'HASH_RANGE'>} and what the sink throws
   */
  feed(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length && !this.#stopped) {
      if (this.#blockLeft > 0) at = this.#passBlock(chunk, at)
      else if (this.#skipLeft > 0) at = this.#skip(chunk, at)
      else if (this.#bodyLength > 0) at = this.#gatherBody(chunk, at)
      else at = this.#gatherHead(chunk, at)
    }
  }

  #passBlock(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#blockLeft)
    this.#sink.blockBytes(chunk, at, end)
    this.#blockLeft -= end - at
    if (this.#blockLeft === 0) this.#sink.blockEnd()
    return end
  }

  #skip(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#skipLeft)
    this.#skipLeft -= end - at
    return end
  }

  #gatherBody(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#bodyLength - this.#bodyHave)
    if (this.#bodyHave === 0 && end - at === this.#bodyLength) {
      this.#finishBody(chunk.subarray(at, end))
      return end
    }
    this.#growBody(end - at)
    this.#body!.set(chunk.subarray(at, end), this.#bodyHave)
    this.#bodyHave += end - at
    if (this.#bodyHave === this.#bodyLength) this.#finishBody(this.#body!.subarray(0, this.#bodyLength))
    return end
  }

  /** Room for what has arrived, not for what was announced: a claimed length costs a peer's bytes, not our memory. */
  #growBody(bytes: number): void {
    const needed = this.#bodyHave + bytes
    if (this.#body !== undefined && this.#body.length >= needed) return
    const grown = new Uint8Array(Math.min(this.#bodyLength, Math.max(2 * needed, 1_024)))
    if (this.#body !== undefined) grown.set(this.#body.subarray(0, this.#bodyHave))
    this.#body = grown
  }

  #finishBody(body: Uint8Array): void {
    this.#bodyLength = 0
    this.#bodyHave = 0
    this.#body = undefined
    this.#sink.message(this.#message(this.#head[4]!, body))
  }

  #gatherHead(chunk: Uint8Array, from: number): number {
    const head = this.#head
    let at = from
    while (this.#headHave < this.#headNeed && at < chunk.length) head[this.#headHave++] = chunk[at++]!
    if (this.#headHave < this.#headNeed) return at
    if (this.#headNeed === 4) {
      if (wire.readUint32(head, 0) > 0) {
        this.#headNeed = 5
        return at
      }
      this.#resetHead()
      this.#sink.message({ type: 'keep-alive' })
    } else if (this.#headNeed === 5) {
      this.#headNeed = this.#headLength(head[4]!, wire.readUint32(head, 0))
      if (this.#headNeed === 5) this.#finishHead()
    } else {
      this.#finishHead()
    }
    return at
  }

  #resetHead(): void {
    this.#headHave = 0
    this.#headNeed = 4
  }

  /** Checks the announced length against the kind, and says how many bytes belong to the head. */
  #headLength(id: number, length: number): number {
    switch (id) {
      case wire.PIECE:
        this.#check(id, length, length >= 10)
        this.#bound(id, length, 9 + wire.WIRE_BLOCK_BYTES_MAX)
        return wire.PIECE_HEADER_BYTES
      case wire.REQUEST:
      case wire.CANCEL:
      case wire.REJECT:
        this.#check(id, length, length === 13)
        return wire.REQUEST_BYTES
      case wire.HAVE:
      case wire.SUGGEST:
      case wire.ALLOWED_FAST:
        this.#check(id, length, length === 5)
        return 9
      case wire.CHOKE:
      case wire.UNCHOKE:
      case wire.INTERESTED:
      case wire.NOT_INTERESTED:
      case wire.HAVE_ALL:
      case wire.HAVE_NONE:
        this.#check(id, length, length === 1)
        return 5
      default:
        this.#openBody(id, length)
        return 5
    }
  }

  /** The kinds whose payload is gathered apart from the head. */
  #openBody(id: number, length: number): void {
    const body = length - 1
    switch (id) {
      case wire.BITFIELD:
        if (this.pieceCount === undefined) this.#bound(id, body, this.#limits.bitfieldBytesMax)
        else this.#check(id, length, body === Math.ceil(this.pieceCount / 8))
        break
      case wire.PORT:
        this.#check(id, length, body === 2)
        break
      case wire.EXTENDED:
        this.#check(id, length, body >= 1)
        this.#bound(id, body, this.#limits.extensionBytesMax)
        break
      case wire.HASH_REQUEST:
      case wire.HASH_REJECT:
        this.#check(id, length, body === HASH_RANGE_BYTES)
        break
      case wire.HASHES:
        this.#check(id, length, body >= HASH_RANGE_BYTES && (body - HASH_RANGE_BYTES) % HASH_BYTES === 0)
        this.#bound(id, body, HASHES_BYTES_MAX)
        break
      default:
        this.#bound(id, body, this.#limits.unknownBytesMax)
        this.#skipLeft = body
        return
    }
    this.#bodyLength = body
  }

  #finishHead(): void {
    const head = this.#head
    const id = head[4]!
    this.#resetHead()
    switch (id) {
      case wire.PIECE:
        this.#blockLeft = wire.readUint32(head, 0) - 9
        this.#sink.blockBegin(wire.readUint32(head, 5), wire.readUint32(head, 9), this.#blockLeft)
        return
      case wire.REQUEST:
        this.#sink.request(wire.readUint32(head, 5), wire.readUint32(head, 9), wire.readUint32(head, 13))
        return
      case wire.CANCEL:
      case wire.REJECT:
        this.#sink.message({
          type: id === wire.CANCEL ? 'cancel' : 'reject',
          piece: wire.readUint32(head, 5),
          begin: wire.readUint32(head, 9),
          length: wire.readUint32(head, 13),
        })
        return
      case wire.HAVE:
      case wire.SUGGEST:
      case wire.ALLOWED_FAST:
        this.#sink.message({ type: ONE_PIECE[id]!, piece: wire.readUint32(head, 5) })
        return
      case wire.HAVE_ALL:
      case wire.HAVE_NONE:
        this.#sink.message({ type: id === wire.HAVE_ALL ? 'have-all' : 'have-none' })
        return
      default:
        if (id <= wire.NOT_INTERESTED) this.#sink.message({ type: PLAIN[id]! })
        else if (this.#bodyLength === 0 && id === wire.BITFIELD) this.#finishBody(head.subarray(0, 0))
    }
  }

  #message(id: number, body: Uint8Array): wire.WireMessage {
    switch (id) {
      case wire.BITFIELD:
        return { type: 'bitfield', bytes: body }
      case wire.PORT:
        return { type: 'port', port: (body[0]! << 8) | body[1]! }
      case wire.EXTENDED:
        return { type: 'extended', id: body[0]!, payload: body.subarray(1) }
      case wire.HASHES:
        return { type: 'hashes', range: decodeHashRange(body), hashes: body.subarray(HASH_RANGE_BYTES) }
      default:
        return {
          type: id === wire.HASH_REQUEST ? 'hash-request' : 'hash-reject',
          range: decodeHashRange(body),
        }
    }
  }

  #check(id: number, length: number, right: boolean): void {
    if (right) return
    throw new DecodeError('MESSAGE_LENGTH', `message ${id} cannot be ${length} bytes long`, {
      details: { id, length },
    })
  }

  #bound(id: number, length: number, max: number): void {
    if (length <= max) return
    throw new DecodeError('MESSAGE_TOO_LONG', `message ${id} has ${length} bytes, at most ${max} are read`, {
      details: { id, length, max },
    })
  }
}

const ONE_PIECE: Readonly<Record<number, 'have' | 'suggest' | 'allowed-fast'>> = {
  [wire.HAVE]: 'have',
  [wire.SUGGEST]: 'suggest',
  [wire.ALLOWED_FAST]: 'allowed-fast',
}
