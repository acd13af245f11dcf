/**
 * Reading and writing the fixed-length fields of money's wire documents; all integers are big-endian.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { bytesEqual, utf8 } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { word } from './eip712.ts'

export const TAG_BYTES = 16

/** An ASCII tag padded with zeros to 16 bytes. */
export function tagOf(text: string): Uint8Array {
  assert(text.length <= TAG_BYTES, 'a tag is at most 16 characters')
  const tag = new Uint8Array(TAG_BYTES)
  tag.set(utf8(text))
  return tag
}

/** A big-endian unsigned integer of `size` bytes. */
export function uint(value: bigint | number, size: number): Uint8Array {
  const bytes = word(value)
  assert(
    bytes.subarray(0, 32 - size).every((byte) => byte === 0),
    `the value fits ${size} bytes`,
  )
  return bytes.subarray(32 - size)
}

/** Takes fields off the front of a document of known length. Fields are copies. */
export class FieldReader {
  readonly #bytes: Uint8Array
  #offset = 0

  /** @throws {DecodeError<'WRONG_LENGTH' | 'WRONG_TAG'>} */
  constructor(bytes: Uint8Array, options: { tag: Uint8Array; lengthBytes: number; what: string }) {
    if (bytes.length !== options.lengthBytes) {
      throw new DecodeError(
        'WRONG_LENGTH',
        `${options.what} is ${options.lengthBytes} bytes, got ${bytes.length}`,
      )
    }
    this.#bytes = bytes
    if (!bytesEqual(this.take(TAG_BYTES), options.tag)) {
      throw new DecodeError('WRONG_TAG', `not ${options.what} of this version`)
    }
  }

  take(size: number): Uint8Array {
    assert(this.#offset + size <= this.#bytes.length, 'fields fit the document')
    return this.#bytes.slice(this.#offset, (this.#offset += size))
  }

  uint(size: number): bigint {
    let value = 0n
    for (const byte of this.take(size)) value = (value << 8n) | BigInt(byte)
    return value
  }

  /** Of at most 6 bytes' worth: safe as a number. @throws {DecodeError<'OUT_OF_RANGE'>} above 2^53 - 1. */
  number(size: number): number {
    const value = this.uint(size)
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw new DecodeError('OUT_OF_RANGE', 'an integer is too large')
    return Number(value)
  }
}
