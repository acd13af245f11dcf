/**
 * The frames two links exchange, each bounded, strictly read.
 *
 * Source: docs/TALLY.md, "Frames". Byte 0 is the type, integers are big-endian.
 *
 *   1 HELLO   version 1 (=1) | flags 1 (bit 0: bilateral) | nonce 16 | swarmKey 32 | n 1 | n × (credential 120 | signature 64)
 *   2 OFFER   length 2 | quote                                                       sender's
 *   3 ANSWER  status 1 (0 accepted, 1 declined) | length 2 | acceptance or reason    receiver's
 *   4 OPEN    open 244 | signature 64 | window 8                                     sender's
 *   5 OPENED  signature 64                                                           receiver's
 *   6 TALLY   tally 224 | signature 64 | waste 8 | n 2 | n × run 8 | length 2 | payment   receiver's
 *   7 RUNS    256 × run 8, that the next TALLY counts too                            receiver's
 *   8 WASTE   waste 8                                                                receiver's
 *   9 ASK     (empty)                                                                sender's
 *   10 WINDOW window 8                                                               sender's
 *   11 BYE    (empty)
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { concatBytes, viewOf } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { uint64 } from '../base/fields.ts'
import { CREDENTIAL_BYTES, type SignedBytes } from './credential.ts'
import type { Run } from './link.ts'
import { NONCE_BYTES, OPEN_BYTES } from './open.ts'
import { decodeRuns, encodeRuns, RUN_BYTES } from './runs.ts'
import { TALLY_BYTES } from './tally.ts'

export const LINK_VERSION = 1
export const CREDENTIALS_MAX = 4
/** Quotes, acceptances and payments: signed structures of a few hundred bytes. */
export const OPAQUE_BYTES_MAX = 2048
/** Runs in one frame; more travel in RUNS frames before it. */
export const FRAME_RUNS_MAX = 256
/** No frame is longer; carriers may refuse such before copying. */
export const FRAME_BYTES_MAX = 4608
const SIGNATURE_BYTES = 64

export type Hello = {
  readonly type: 'hello'
  readonly bilateral: boolean
  readonly nonce: Uint8Array
  readonly swarmKey: Uint8Array
  readonly credentials: readonly SignedBytes[]
}
export type TallyFrame = {
  readonly type: 'tally'
  readonly tally: Uint8Array
  readonly signature: Uint8Array
  readonly waste: bigint
  readonly added: readonly Run[]
  /** Empty: none. */
  readonly payment: Uint8Array
}
export type OpenFrame = {
  readonly type: 'open'
  readonly open: Uint8Array
  readonly signature: Uint8Array
  readonly window: bigint
}
export type Frame =
  | Hello
  | { readonly type: 'offer'; readonly quote: Uint8Array }
  | { readonly type: 'answer'; readonly accepted: boolean; readonly body: Uint8Array }
  | OpenFrame
  | { readonly type: 'opened'; readonly signature: Uint8Array }
  | TallyFrame
  | { readonly type: 'runs'; readonly added: readonly Run[] }
  | { readonly type: 'waste'; readonly waste: bigint }
  | { readonly type: 'ask' }
  | { readonly type: 'window'; readonly window: bigint }
  | { readonly type: 'bye' }

const TYPES = [
  'hello',
  'offer',
  'answer',
  'open',
  'opened',
  'tally',
  'runs',
  'waste',
  'ask',
  'window',
  'bye',
] as const satisfies readonly Frame['type'][]

function opaque(bytes: Uint8Array): Uint8Array {
  assert(bytes.length <= OPAQUE_BYTES_MAX, `at most ${OPAQUE_BYTES_MAX} opaque bytes`)
  return concatBytes(Uint8Array.of(bytes.length >>> 8, bytes.length & 0xff), bytes)
}

function bodyOf(frame: Frame): Uint8Array[] {
  switch (frame.type) {
    case 'hello':
      return [
        Uint8Array.of(LINK_VERSION, frame.bilateral ? 1 : 0),
        frame.nonce,
        frame.swarmKey,
        Uint8Array.of(frame.credentials.length),
        ...frame.credentials.flatMap(({ document, signature }) => [document, signature]),
      ]
    case 'offer':
      return [opaque(frame.quote)]
    case 'answer':
      return [Uint8Array.of(frame.accepted ? 0 : 1), opaque(frame.body)]
    case 'open':
      return [frame.open, frame.signature, uint64(frame.window)]
    case 'opened':
      return [frame.signature]
    case 'tally':
      return [
        frame.tally,
        frame.signature,
        uint64(frame.waste),
        Uint8Array.of(frame.added.length >>> 8, frame.added.length & 0xff),
        encodeRuns(frame.added),
        opaque(frame.payment),
      ]
    case 'runs':
      return [encodeRuns(frame.added)]
    case 'waste':
      return [uint64(frame.waste)]
    case 'window':
      return [uint64(frame.window)]
    case 'ask':
    case 'bye':
      return []
  }
}

export function encodeFrame(frame: Frame): Uint8Array {
  const bytes = concatBytes(Uint8Array.of(TYPES.indexOf(frame.type) + 1), ...bodyOf(frame))
  assert(bytes.length <= FRAME_BYTES_MAX, 'a frame of ours is within its bound')
  return bytes
}

/** Takes from the front; what is left at the end is an error. */
class FrameReader {
  readonly #bytes: Uint8Array
  #offset = 1

  constructor(bytes: Uint8Array) {
    this.#bytes = new Uint8Array(bytes) // a Buffer's slices would be views
  }

  take(length: number): Uint8Array {
    if (this.#offset + length > this.#bytes.length) throw new DecodeError('FRAME_LENGTH', 'frame too short')
    return this.#bytes.slice(this.#offset, (this.#offset += length))
  }

  uint8 = (): number => this.take(1)[0]!
  uint16 = (): number => viewOf(this.take(2)).getUint16(0)
  uint64 = (): bigint => viewOf(this.take(8)).getBigUint64(0)

  opaque(): Uint8Array {
    const length = this.uint16()
    if (length > OPAQUE_BYTES_MAX) throw new DecodeError('FRAME_OPAQUE', 'opaque bytes beyond their bound')
    return this.take(length)
  }

  /** A byte that is 0 or 1. */
  flag(): boolean {
    const value = this.uint8()
    if (value > 1) throw new DecodeError('FRAME_FLAG', `unknown flag ${value}`)
    return value === 1
  }

  runs(): Run[] {
    const count = this.uint16()
    return decodeRuns(this.take(count * RUN_BYTES), FRAME_RUNS_MAX)
  }

  end(): void {
    if (this.#offset !== this.#bytes.length) throw new DecodeError('FRAME_LENGTH', 'frame too long')
  }
}

function readHello(reader: FrameReader): Hello {
  const version = reader.uint8()
  if (version !== LINK_VERSION) throw new DecodeError('FRAME_VERSION', `unknown version ${version}`)
  const bilateral = reader.flag()
  const nonce = reader.take(NONCE_BYTES)
  const swarmKey = reader.take(32)
  const count = reader.uint8()
  if (count > CREDENTIALS_MAX) throw new DecodeError('FRAME_CREDENTIALS', 'too many credentials')
  const credentials = Array.from({ length: count }, () => ({
    document: reader.take(CREDENTIAL_BYTES),
    signature: reader.take(SIGNATURE_BYTES),
  }))
  return { type: 'hello', bilateral, nonce, swarmKey, credentials }
}

function readBody(type: Frame['type'], reader: FrameReader): Frame {
  switch (type) {
    case 'hello':
      return readHello(reader)
    case 'offer':
      return { type, quote: reader.opaque() }
    case 'answer':
      return { type, accepted: !reader.flag(), body: reader.opaque() }
    case 'open':
      return {
        type,
        open: reader.take(OPEN_BYTES),
        signature: reader.take(SIGNATURE_BYTES),
        window: reader.uint64(),
      }
    case 'opened':
      return { type, signature: reader.take(SIGNATURE_BYTES) }
    case 'tally':
      return {
        type,
        tally: reader.take(TALLY_BYTES),
        signature: reader.take(SIGNATURE_BYTES),
        waste: reader.uint64(),
        added: reader.runs(),
        payment: reader.opaque(),
      }
    case 'runs':
      return { type, added: decodeRuns(reader.take(FRAME_RUNS_MAX * RUN_BYTES)) }
    case 'waste':
      return { type, waste: reader.uint64() }
    case 'window':
      return { type, window: reader.uint64() }
    case 'ask':
    case 'bye':
      return { type }
  }
}

/**
 * Reads a frame; its byte fields are copies.
 *
 * @throws {DecodeError<'FRAME_TYPE' | 'FRAME_LENGTH' | 'FRAME_VERSION' | 'FRAME_FLAG' | 'FRAME_CREDENTIALS' |
 *   'FRAME_OPAQUE' | 'TOO_MANY_RUNS' | 'RUN_RANGE'>}
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  if (bytes.length > FRAME_BYTES_MAX) throw new DecodeError('FRAME_LENGTH', 'frame beyond its bound')
  const type = TYPES[(bytes[0] ?? 0) - 1]
  if (type === undefined) throw new DecodeError('FRAME_TYPE', `unknown frame type ${bytes[0] ?? 'none'}`)
  const reader = new FrameReader(bytes)
  const frame = readBody(type, reader)
  reader.end()
  return frame
}
