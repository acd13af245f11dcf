/**
 * IP addresses between text and bytes, without Node: 4 bytes for IPv4, 16 for IPv6.
 *
 * Source: RFC 4291, 2.2 (text forms of IPv6), RFC 5952 (the one form to write). IPv4 is read strictly as four
 * decimal numbers without leading zeros: `0177.1` and its kind mean different things to different readers.
 *
 * @module
 */
import { assert } from './assert.ts'

const QUAD = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/
const GROUP = /^[0-9a-fA-F]{1,4}$/
const TEXT_MAX = 45

/** Bytes of an IP literal (no brackets, no zone, no port), or undefined when it is none. */
export function parseIp(text: string): Uint8Array | undefined {
  if (text.length > TEXT_MAX) return undefined
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

function parseIpv4(text: string): Uint8Array | undefined {
  const numbers = QUAD.exec(text)?.slice(1).map(Number)
  return numbers?.every((number) => number <= 255) ? Uint8Array.from(numbers) : undefined
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groups(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? groups(halves[1]!, true) : []
  if (head === undefined || tail === undefined) return undefined
  const given = head.length + tail.length
  if (halves.length === 2 ? given > 14 : given !== 16) return undefined
  const bytes = new Uint8Array(16)
  bytes.set(head)
  bytes.set(tail, 16 - tail.length)
  return bytes
}

/** Bytes of `a:b:c`; only the very end of an address may be written as IPv4. */
function groups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const bytes: number[] = []
  for (const [i, part] of parts.entries()) {
    if (GROUP.test(part)) {
      const value = Number.parseInt(part, 16)
      bytes.push(value >>> 8, value & 0xff)
      continue
    }
    const quad = mayEndInIpv4 && i === parts.length - 1 ? parseIpv4(part) : undefined
    if (quad === undefined) return undefined
    bytes.push(...quad)
  }
  return bytes
}

/** Text of 4 or 16 bytes; IPv6 as RFC 5952 writes it (all hex, the longest run of zeros shortened). */
export function formatIp(bytes: Uint8Array): string {
  assert(bytes.length === 4 || bytes.length === 16, 'an IP address has 4 or 16 bytes')
  if (bytes.length === 4) return bytes.join('.')
  const values = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!)
  let start = 0
  let length = 0
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && values[end] === 0) end++
    if (end - i > length) [start, length] = [i, end - i]
  }
  const hex = (part: number[]) => part.map((value) => value.toString(16)).join(':')
  if (length < 2) return hex(values)
  return `${hex(values.slice(0, start))}::${hex(values.slice(start + length))}`
}

/**
 * The 4 bytes inside `::ffff:a.b.c.d` (how a dual-stack socket names an IPv4 peer); other addresses as they
 * are.
 */
function unmapIp(bytes: Uint8Array): Uint8Array {
  const mapped =
    bytes.length === 16 &&
    bytes.subarray(0, 10).every((b) => b === 0) &&
    bytes[10] === 0xff &&
    bytes[11] === 0xff
  return mapped ? bytes.subarray(12) : bytes
}

/**
 * One spelling per address, as sockets' addresses need to be compared: no zone, IPv4 not mapped, RFC 5952.
 */
export function canonicalIp(text: string): string | undefined {
  const bytes = parseIp(text.split('%', 1)[0]!)
  return bytes === undefined ? undefined : formatIp(unmapIp(bytes))
}
