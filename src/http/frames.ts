/**
 * Tally frames on HTTP: base64 in a header, or length-prefixed in the body of `POST /tally`.
 *
 * Source: docs/HTTP.md, "Tallies".
 *
 *   TSW-Peer: 40 hex digits                        the sender's peer id
 *   TSW-Frames: base64[,base64...]                 frames in order
 *   body of /tally: (length u32 big-endian | frame)*
 *   transport id = SHA-256("TSWM-HTTP" | client id 20 | server id 20)
 *
 * @module
 */
import { concatBytes, fromHex, utf8, viewOf } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { type PeerId, peerId } from '../base/ids.ts'
import type { Hash } from '../crypto/sha.ts'
import { FRAME_BYTES_MAX } from '../tally/frames.ts'

export const PEER_HEADER = 'TSW-Peer'
export const FRAMES_HEADER = 'TSW-Frames'
/** More frames wait than the header holds: fetch them with `POST /tally`. */
export const MORE_HEADER = 'TSW-More'
/** On a 429: payload bytes that would be served now. */
export const ALLOWANCE_HEADER = 'TSW-Allowance'

/** Header text of one message; the rest waits or goes in a body. Half of Node's default header limit. */
export const FRAMES_HEADER_CHARS_MAX = 8_192
export const FRAMES_MAX = 64
export const FRAMES_BODY_BYTES_MAX = FRAMES_MAX * (4 + FRAME_BYTES_MAX)

/** The first 32 bytes both ends derive for this pair of peers. */
export const transportId = (client: PeerId, server: PeerId, sha256: Hash): Uint8Array =>
  sha256(concatBytes(utf8('TSWM-HTTP'), client, server))

/** @throws {DecodeError<'NOT_HEX' | 'WRONG_LENGTH'>} */
export const parsePeerHeader = (text: string): PeerId => peerId(fromHex(text.slice(0, 64)))

/** Characters a frame takes in the header, separator included. */
const headerChars = (frame: Uint8Array): number => 4 * Math.ceil(frame.length / 3) + 1

/** How many of the first frames fit into one header. */
export function framesThatFit(frames: readonly Uint8Array[]): number {
  let chars = 0
  let count = 0
  while (count < frames.length && count < FRAMES_MAX) {
    chars += headerChars(frames[count]!)
    if (chars > FRAMES_HEADER_CHARS_MAX) break
    count++
  }
  return count
}

export const encodeFramesHeader = (frames: readonly Uint8Array[]): string =>
  frames.map((frame) => btoa(Array.from(frame, (byte) => String.fromCharCode(byte)).join(''))).join(',')

/** @throws {DecodeError<'FRAMES_TOO_LONG' | 'FRAMES_TOO_MANY' | 'NOT_BASE64'>} */
export function decodeFramesHeader(text: string): Uint8Array[] {
  if (text.length > FRAMES_HEADER_CHARS_MAX)
    throw new DecodeError('FRAMES_TOO_LONG', 'frames header is too long')
  const parts = text.split(',')
  if (parts.length > FRAMES_MAX) throw new DecodeError('FRAMES_TOO_MANY', 'too many frames in one header')
  return parts.map(decodeBase64)
}

function decodeBase64(text: string): Uint8Array {
  if (text === '' || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) {
    throw new DecodeError('NOT_BASE64', 'expected padded base64')
  }
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
}

export function encodeFramesBody(frames: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = []
  for (const frame of frames) {
    const length = new Uint8Array(4)
    viewOf(length).setUint32(0, frame.length)
    parts.push(length, frame)
  }
  return concatBytes(...parts)
}

/** Views into `body`. @throws {DecodeError<'FRAMES_TRUNCATED' | 'FRAMES_TOO_LONG' | 'FRAMES_TOO_MANY'>} */
export function decodeFramesBody(body: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let at = 0; at < body.length; ) {
    if (at + 4 > body.length) throw new DecodeError('FRAMES_TRUNCATED', 'a frame length is cut off')
    const length = viewOf(body).getUint32(at)
    if (length > FRAME_BYTES_MAX) throw new DecodeError('FRAMES_TOO_LONG', 'a frame is too long')
    if (at + 4 + length > body.length) throw new DecodeError('FRAMES_TRUNCATED', 'a frame is cut off')
    if (frames.length === FRAMES_MAX) throw new DecodeError('FRAMES_TOO_MANY', 'too many frames in one body')
    frames.push(body.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return frames
}
