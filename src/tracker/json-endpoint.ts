/**
 * Small JSON endpoints: their shape, and strict reading of a request's fields. Bytes travel as hex.
 *
 * @module
 */
import { fromHex } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'

export type JsonAnswer = { readonly status: number; readonly body: unknown }

/** A `DecodeError` is answered with 400 and its code. A GET has no body to read. */
export type JsonEndpoint = {
  readonly method: 'GET' | 'POST'
  readonly handle: (body: unknown) => Promise<JsonAnswer>
}

/** By path. */
export type JsonEndpoints = ReadonlyMap<string, JsonEndpoint>

const wrong = (name: string, expected: string) => new DecodeError('FIELD', `"${name}" must be ${expected}`)

function field(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, name)
    ? (body as Record<string, unknown>)[name]
    : undefined
}

/** Exactly `length` bytes. @throws {DecodeError<'FIELD'>} */
export const hexField = (body: unknown, name: string, length: number): Uint8Array =>
  hexValue(field(body, name), name, length)

function hexValue(value: unknown, name: string, length: number): Uint8Array {
  if (typeof value !== 'string' || value.length !== 2 * length || !/^[0-9a-fA-F]*$/.test(value)) {
    throw wrong(name, `${2 * length} hex digits`)
  }
  return fromHex(value)
}

/** A list of byte strings of one length. @throws {DecodeError<'FIELD'>} */
export function hexListField(body: unknown, name: string, length: number, itemsMax: number): Uint8Array[] {
  const list = field(body, name)
  if (!Array.isArray(list) || list.length > itemsMax) throw wrong(name, `a list of at most ${itemsMax}`)
  return list.map((value) => hexValue(value, name, length))
}

/** A whole number from 0 to `max`. @throws {DecodeError<'FIELD'>} */
export function countField(body: unknown, name: string, max: number): number {
  const value = field(body, name)
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) {
    throw wrong(name, `a whole number from 0 to ${max}`)
  }
  return value
}
