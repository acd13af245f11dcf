/**
 * Typed reading of bencoded dictionaries. Every function returns undefined for a key that is absent and
 * throws `DecodeError` for one that holds something else than expected; wrap in `required` where absence is
 * an error.
 *
 * @module
 */
import { utf8Text } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { type Bencode, type BencodeDict, isDict } from './bencode.ts'

/** The value. @throws {DecodeError<'FIELD_MISSING'>} */
export function required<T>(value: T | undefined, key: string): T {
  if (value === undefined) throw new DecodeError('FIELD_MISSING', `"${key}" is missing`)
  return value
}

const wrongType = (key: string, expected: string) =>
  new DecodeError('FIELD_TYPE', `"${key}" must be ${expected}`)

/**
 * A view. @throws {DecodeError<'FIELD_TYPE' | 'FIELD_LENGTH'>} the latter when `length` is given and differs.
 */
export function bytesField(dict: BencodeDict, key: string, length?: number): Uint8Array | undefined {
  const value = dict.get(key)
  if (value === undefined) return undefined
  if (!(value instanceof Uint8Array)) throw wrongType(key, 'a byte string')
  if (length !== undefined && value.length !== length) {
    throw new DecodeError('FIELD_LENGTH', `"${key}" must be ${length} bytes, got ${value.length}`)
  }
  return value
}

/** UTF-8 text. @throws {DecodeError<'FIELD_TYPE' | 'NOT_UTF8'>} */
export function textField(dict: BencodeDict, key: string): string | undefined {
  const value = bytesField(dict, key)
  return value === undefined ? undefined : utf8Text(value)
}

/** A safe integer in [min, max]. @throws {DecodeError<'FIELD_TYPE' | 'FIELD_RANGE'>} */
export function intField(
  dict: BencodeDict,
  key: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { readonly min?: number; readonly max?: number } = {},
): number | undefined {
  const value = dict.get(key)
  if (value === undefined) return undefined
  if (typeof value !== 'bigint') throw wrongType(key, 'an integer')
  if (value < min || value > max) {
    throw new DecodeError('FIELD_RANGE', `"${key}" must be ${min} to ${max}, got ${value}`)
  }
  return Number(value)
}

/** @throws {DecodeError<'FIELD_TYPE'>} */
export function listField(dict: BencodeDict, key: string): readonly Bencode[] | undefined {
  const value = dict.get(key)
  if (value !== undefined && !Array.isArray(value)) throw wrongType(key, 'a list')
  return value as readonly Bencode[] | undefined
}

/** @throws {DecodeError<'FIELD_TYPE'>} */
export function dictField(dict: BencodeDict, key: string): BencodeDict | undefined {
  const value = dict.get(key)
  if (value !== undefined && !isDict(value)) throw wrongType(key, 'a dictionary')
  return value
}
