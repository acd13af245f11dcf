/**
 * Reading and writing documents of fixed length: a tag, then fields one after the other.
 *
 * Source: docs/TALLY.md, "Conventions"; docs/MONEY.md: integers big-endian, tags ASCII padded with zeros to 16 bytes.
 *
 * @module
 */
import { assert } from './assert.ts'
import { bytesEqual, utf8, viewOf } from './bytes.ts'
import { DecodeError } from './errors.ts'

const TAG_BYTES = 16

/** A tag's 16 bytes. */
export function tag(name: string): Uint8Array {
  const bytes = new Uint8Array(TAG_BYTES)
  const text = utf8(name)
  assert(text.length <= TAG_BYTES, `tag ${name} fits 16 bytes`)
  bytes.set(text)
  return bytes
}

export function uint32(value: number): Uint8Array {
  assert(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff, 'value is a uint32')
  const bytes = new Uint8Array(4)
  viewOf(bytes).setUint32(0, value)
  return bytes
}

export function uint64(value: bigint): Uint8Array {
  assert(BigInt.asUintN(64, value) === value, 'value is a uint64')
  const bytes = new Uint8Array(8)
  viewOf(bytes).setBigUint64(0, value)
  return bytes
}

export function uint128(value: bigint): Uint8Array {
  assert(BigInt.asUintN(128, value) === value, 'value is a uint128')
  const bytes = new Uint8Array(16)
  viewOf(bytes).setBigUint64(0, value >> 64n)
  viewOf(bytes).setBigUint64(8, BigInt.asUintN(64, value))
  return bytes
}

/** Asserts a field of ours has its length. */
export function field(bytes: Uint8Array, length: number, name: string): Uint8Array {
  assert(bytes.length === length, `${name} is ${length} bytes`)
  return bytes
}

/** Takes fields off the front of a document; every slice is a copy. */
export class FieldReader {
  readonly #bytes: Uint8Array
  #offset = TAG_BYTES

  /** `what` names the document for people. @throws {DecodeError<'WRONG_LENGTH' | 'WRONG_TAG'>} */
  constructor(
    bytes: Uint8Array,
    expected: { readonly tag: Uint8Array; readonly lengthBytes: number; readonly what: string },
  ) {
    const { tag, lengthBytes, what } = expected
    if (bytes.length !== lengthBytes) {
      throw new DecodeError('WRONG_LENGTH', `${what} is ${lengthBytes} bytes, got ${bytes.length}`)
    }
    if (!bytesEqual(bytes.subarray(0, TAG_BYTES), tag)) {
      throw new DecodeError('WRONG_TAG', `not ${what} of this version`)
    }
    this.#bytes = new Uint8Array(bytes) // a Buffer's slices would be views
  }

  bytes(length: number): Uint8Array {
    assert(this.#offset + length <= this.#bytes.length, 'fields fit the document')
    return this.#bytes.slice(this.#offset, (this.#offset += length))
  }

  uint32(): number {
    return viewOf(this.bytes(4)).getUint32(0)
  }

  uint64(): bigint {
    return viewOf(this.bytes(8)).getBigUint64(0)
  }

  uint128(): bigint {
    return (this.uint64() << 64n) | this.uint64()
  }

  /** A uint64 as a number. @throws {DecodeError<'OUT_OF_RANGE'>} above 2^53 - 1 */
  safeUint64(): number {
    const value = this.uint64()
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new DecodeError('OUT_OF_RANGE', 'an integer is too large')
    }
    return Number(value)
  }

  /** @throws {DecodeError<'NOT_ZERO'>} */
  zeros(length: number): void {
    if (this.bytes(length).some((value) => value !== 0)) {
      throw new DecodeError('NOT_ZERO', 'reserved bytes must be zero')
    }
  }
}
