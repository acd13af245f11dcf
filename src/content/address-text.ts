/**
 * `host:port` as links and people write it: IPv6 in brackets, names as they are.
 *
 * Source: BEP 9, "peer-address".
 *
 * @module
 */
import { DecodeError } from '../base/errors.ts'
import { parseIp } from '../base/ip.ts'
import type { Address } from '../base/world.ts'

const HOST_CHARACTERS_MAX = 253
/** RFC 4007: through which interface a link-local address is reached. */
const ZONE = /%[\w.-]{1,32}$/

/** @throws {DecodeError<'BAD_ADDRESS'>} */
export function parseAddress(text: string): Address {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]\s/@]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain ?? ''
  const port = Number(digits)
  const isHost =
    bracketed === undefined
      ? host.length <= HOST_CHARACTERS_MAX
      : parseIp(host.replace(ZONE, ''))?.length === 16
  if (host === '' || !isHost || !(port >= 1 && port <= 65_535)) {
    throw new DecodeError('BAD_ADDRESS', `expected HOST:PORT, IPv6 in brackets, got "${text.slice(0, 80)}"`)
  }
  return { host, port }
}

export const formatAddress = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
