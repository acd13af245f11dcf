/**
 * `host:port` as links write it: IPv6 in brackets, names as they are.
 *
 * Source: BEP 9, "peer-address".
 *
 * @module
 */
import { DecodeError } from '../base/errors.ts'
import { parseIp } from '../base/ip.ts'
import type { Address } from '../base/world.ts'

const HOST_CHARACTERS_MAX = 253

/** @throws {DecodeError<'BAD_ADDRESS'>} */
export function parseAddress(text: string): Address {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]\s/@]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain ?? ''
  const port = Number(digits)
  const isHost = bracketed === undefined ? host.length <= HOST_CHARACTERS_MAX : parseIp(host)?.length === 16
  if (host === '' || !isHost || !(port >= 1 && port <= 65_535)) {
    throw new DecodeError('BAD_ADDRESS', 'an address is host:port, with IPv6 in brackets')
  }
  return { host, port }
}

export const formatAddress = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
