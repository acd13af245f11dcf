/**
 * Base32 without padding, as magnet links (BEP 9) and AICH hashes (eMule) write it.
 *
 * Source: RFC 4648, section 6. Either case is read, upper case is written.
 *
 * @module
 */
import { DecodeError } from '../base/errors.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** @throws {DecodeError<'NOT_BASE32'>} also when spare bits at the end are not zero. */
export function fromBase32(text: string): Uint8Array {
  const bytes: number[] = []
  let bits = 0
  let held = 0
  for (const character of text.toUpperCase()) {
    const value = ALPHABET.indexOf(character)
    if (value < 0) throw new DecodeError('NOT_BASE32', 'expected characters A to Z and 2 to 7')
    held = (held << 5) | value
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push(held >>> bits)
    held &= (1 << bits) - 1
  }
  if (held !== 0 || bits >= 5) throw new DecodeError('NOT_BASE32', 'the last character has bits to spare')
  return Uint8Array.from(bytes)
}

export function toBase32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const value of bytes) {
    held = (held << 8) | value
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(held >>> (bits - 5)) & 31]
    held &= (1 << bits) - 1
  }
  return bits > 0 ? text + ALPHABET[(held << (5 - bits)) & 31] : text
}
