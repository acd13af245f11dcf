/**
 * Reading and writing the fixed-length documents of tallies: tags, strict lengths, fields one after the other.
 *
 * Source: docs/TALLY.md, "Conventions": integers big-endian, tags ASCII padded with zeros to 16 bytes.
 *
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { assert } from '../base/assert.ts'
import { bytesEqual, concatBytes, utf8, viewOf } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'

export const TAG_BYTES = 16
export const DIGEST_BYTES = 32

/** A tag's 16 bytes. */
export function tag(name: string): Uint8Array {
  const bytes = new Uint8Array(TAG_BYTES)
  const text = utf8(name)
  assert(text.length <= TAG_BYTES, `tag ${name} fits 16 bytes`)
  bytes.set(text)
  return bytes
}

/** SHA-256 of the parts joined. */
export const digest = (...parts: readonly Uint8Array[]): Uint8Array => sha256(concatBytes(...parts))

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

/** Asserts a field of ours has its length. */
export function field(bytes: Uint8Array, length: number, name: string): Uint8Array {
  assert(bytes.length === length, `${name} is ${length} bytes`)
  return bytes
}

/** Takes fields off the front of a document; every slice is a copy. */
export class FieldReader {
  readonly #bytes: Uint8Array
  #offset = 0

  /** @throws {DecodeError<'WRONG_LENGTH' | 'WRONG_TAG'>} */
  constructor(bytes: Uint8Array, expected: { readonly tag: Uint8Array; readonly length: number }) {
    if (bytes.length !== expected.length) {
      throw new DecodeError('WRONG_LENGTH', `expected ${expected.length} bytes, got ${bytes.length}`)
    }
    if (!bytesEqual(bytes.subarray(0, TAG_BYTES), expected.tag)) {
      throw new DecodeError('WRONG_TAG', 'the document has another tag')
    }
    this.#bytes = new Uint8Array(bytes) // a Buffer's slices would be views
    this.#offset = TAG_BYTES
  }

  bytes(length: number): Uint8Array {
    return this.#bytes.slice(this.#offset, (this.#offset += length))
  }

  uint32(): number {
    return viewOf(this.bytes(4)).getUint32(0)
  }

  uint64(): bigint {
    return viewOf(this.bytes(8)).getBigUint64(0)
  }

  /** @throws {DecodeError<'NOT_ZERO'>} */
  zeros(length: number): void {
    if (this.bytes(length).some((value) => value !== 0)) {
      throw new DecodeError('NOT_ZERO', 'reserved bytes must be zero')
    }
  }
}
