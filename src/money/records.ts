/**
 * Journal lines: one record as JSON with its number and a checksum, so that a torn or changed line is seen.
 *
 * `CHECKSUM NUMBER JSON`, where the checksum is eight hex digits over the rest of the line. In the JSON a
 * bigint is `{"$n":"12"}` and bytes are `{"$x":"0a0b"}`.
 *
 * @module
 */
import { fromHex, toHex } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'

export const RECORD_CHARS_MAX = 1 << 20

export type Checksum = (text: string) => number

export function encodeRecord(number: number, value: unknown, checksum: Checksum): string {
  const text = `${number} ${JSON.stringify(value, toPlain)}`
  return `${checksum(text).toString(16).padStart(8, '0')} ${text}`
}

/** @throws {DecodeError<'RECORD_MALFORMED' | 'RECORD_CHECKSUM' | 'RECORD_NUMBER'>} */
export function decodeRecord(line: string, expectedNumber: number, checksum: Checksum): unknown {
  const match = line.length > RECORD_CHARS_MAX ? null : /^([0-9a-f]{8}) ((\d{1,15}) (.*))$/.exec(line)
  if (match === null) throw new DecodeError('RECORD_MALFORMED', 'not a journal line')
  if (checksum(match[2]!) !== Number.parseInt(match[1]!, 16)) {
    throw new DecodeError('RECORD_CHECKSUM', 'a journal line was damaged')
  }
  if (Number(match[3]) !== expectedNumber) {
    throw new DecodeError('RECORD_NUMBER', `expected journal line ${expectedNumber}, found ${match[3]}`)
  }
  try {
    return JSON.parse(match[4]!, fromPlain)
  } catch (cause) {
    throw new DecodeError('RECORD_MALFORMED', 'a journal line is not JSON', { cause })
  }
}

function toPlain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return { $n: value.toString() }
  if (value instanceof Uint8Array) return { $x: toHex(value) }
  return value
}

function fromPlain(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const { $n, $x } = value as { $n?: unknown; $x?: unknown }
  if (typeof $n === 'string' && /^-?\d{1,80}$/.test($n)) return BigInt($n)
  if (typeof $x === 'string') return fromHex($x)
  return value
}
