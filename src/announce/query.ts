/**
 * Query strings as trackers use them: values are raw bytes, not text.
 *
 * Source: RFC 3986, 2.1 and 2.3; BEP 3 ("info_hash"). `+` is a plus sign and never a space, unlike in HTML
 * forms: clients escape each byte of a hash on its own, and those that leave `+` unescaped mean the byte
 * 0x2b. An unescaped character above 0x7f is read as the byte of that number (Node's own server refuses such
 * requests before us).
 *
 * @module
 */
import { utf8 } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { keyOf } from '../content/bencode.ts'

export type QueryField = { readonly name: string; readonly value: Uint8Array }

const UNRESERVED = /[A-Za-z0-9\-._~]/
const ESCAPES = Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte)
  return UNRESERVED.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
})

/** Every byte outside RFC 3986's unreserved set as `%XX`. */
export function percentEncode(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += ESCAPES[byte]
  return text
}

/** Escapes in either case. @throws {DecodeError<'BAD_ESCAPE' | 'NOT_BYTES'>} */
export function percentDecode(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  let length = 0
  for (let i = 0; i < text.length; i++) {
    let byte = text.charCodeAt(i)
    if (byte === 0x25) {
      const digits = text.slice(i + 1, i + 3)
      if (!/^[0-9a-fA-F]{2}$/.test(digits))
        throw new DecodeError('BAD_ESCAPE', '% must be followed by two hex digits')
      byte = Number.parseInt(digits, 16)
      i += 2
    }
    if (byte > 0xff) throw new DecodeError('NOT_BYTES', 'a query holds bytes, not wide characters')
    bytes[length++] = byte
  }
  return bytes.subarray(0, length)
}

/**
 * The fields of a query (what follows `?`), in order, repeated ones included; a field without `=` is empty.
 *
 * @throws {DecodeError<'QUERY_LENGTH' | 'QUERY_FIELDS' | 'BAD_ESCAPE' | 'NOT_BYTES'>}
 */
export function parseQuery(
  query: string,
  { charsMax, fieldsMax }: { readonly charsMax: number; readonly fieldsMax: number },
): QueryField[] {
  if (query.length > charsMax)
    throw new DecodeError('QUERY_LENGTH', `a query has at most ${charsMax} characters`)
  const parts = query.split('&', fieldsMax + 1).filter((part) => part !== '')
  if (parts.length > fieldsMax)
    throw new DecodeError('QUERY_FIELDS', `a query has at most ${fieldsMax} fields`)
  return parts.map((part) => {
    const equals = part.indexOf('=')
    const name = equals < 0 ? part : part.slice(0, equals)
    return {
      name: keyOf(percentDecode(name)),
      value: percentDecode(equals < 0 ? '' : part.slice(equals + 1)),
    }
  })
}

/** Fields joined by `&`; absent ones are left out. Names are ours and need no escapes. */
export function formatQuery(
  fields: readonly (readonly [string, Uint8Array | string | number | undefined])[],
): string {
  return fields
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value]) =>
        `${name}=${percentEncode(value instanceof Uint8Array ? value : utf8(String(value)))}`,
    )
    .join('&')
}
