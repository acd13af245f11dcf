/**
 * A set of piece indexes, laid out as the BitTorrent wire has it: piece 0 is the high bit of byte 0.
 *
 * Source: BEP 3, "bitfield". Spare bits at the end are zero.
 *
 * @module
 */
import { DecodeError } from '../base/errors.ts'

export class Bitfield {
  readonly length: number
  /** The wire form; shared, not copied. Change it only through `set` and `clear`. */
  readonly bytes: Uint8Array
  #count = 0

  constructor(length: number) {
    this.length = length
    this.bytes = new Uint8Array((length + 7) >>> 3)
  }

  /** A copy of wire bytes. @throws {DecodeError<'BITFIELD_LENGTH' | 'BITFIELD_SPARE_BITS'>} */
  static decode(bytes: Uint8Array, length: number): Bitfield {
    const bits = new Bitfield(length)
    if (bytes.length !== bits.bytes.length) {
      throw new DecodeError(
        'BITFIELD_LENGTH',
        `a bitfield of ${length} pieces has ${bits.bytes.length} bytes, got ${bytes.length}`,
      )
    }
    bits.bytes.set(bytes)
    if (length % 8 !== 0 && (bytes[bytes.length - 1]! & (0xff >>> (length % 8))) !== 0) {
      throw new DecodeError('BITFIELD_SPARE_BITS', 'spare bits at the end of a bitfield must be zero')
    }
    for (let i = 0; i < length; i++) if (bits.has(i)) bits.#count++
    return bits
  }

  static full(length: number): Bitfield {
    const bits = new Bitfield(length)
    for (let i = 0; i < length; i++) bits.set(i)
    return bits
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === this.length
  }

  has(index: number): boolean {
    return index >= 0 && index < this.length && (this.bytes[index >>> 3]! & (0x80 >>> (index & 7))) !== 0
  }

  /** Returns whether it changed. */
  set(index: number): boolean {
    if (this.has(index)) return false
    this.bytes[index >>> 3]! |= 0x80 >>> (index & 7)
    this.#count++
    return true
  }

  clear(index: number): boolean {
    if (!this.has(index)) return false
    this.bytes[index >>> 3]! &= ~(0x80 >>> (index & 7))
    this.#count--
    return true
  }
}
