/**
 * Names to addresses that we may connect to: resolve, check every address, then connect to the address
 * itself.
 *
 * Connecting to the checked address and not to the name is what defeats a name that resolves differently the
 * second time ("DNS rebinding").
 *
 * @module
 */
import { lookup } from 'node:dns/promises'
import { CodedError } from '../errors.ts'
import { canonicalIp } from '../ip.ts'
import { isWithinReach, type Reach } from '../ip-scope.ts'

/** All addresses of a host name, IPv4 or IPv6 literals. */
export type Lookup = (host: string) => Promise<readonly string[]>

const systemLookup: Lookup = async (host) =>
  (await lookup(host, { all: true, order: 'verbatim' })).map(({ address }) => address)

/**
 * The addresses within reach of a name or IP literal (without brackets), in the resolver's order, at least
 * one. Rejects with CodedError `RESOLVE_FAILED` or `ADDRESS_REFUSED`.
 */
export async function resolveHost(
  host: string,
  { reach, lookup: resolve = systemLookup, signal }: { reach: Reach; lookup?: Lookup; signal?: AbortSignal },
): Promise<string[]> {
  const literal = canonicalIp(host)
  const found = literal === undefined ? await resolveName(host, resolve, signal) : [literal]
  const addresses = found.map((address) => canonicalIp(address) ?? '')
  const allowed = [...new Set(addresses)].filter((address) => isWithinReach(address, reach))
  if (allowed.length === 0) {
    throw new CodedError('ADDRESS_REFUSED', `${host} leads to no address that may be contacted`, {
      details: { host, addresses: addresses.slice(0, 8).join(' '), reach },
    })
  }
  return allowed
}

/** The system's resolver cannot be interrupted, so the wait is. */
async function resolveName(
  host: string,
  resolve: Lookup,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  try {
    signal?.throwIfAborted()
    return await Promise.race([resolve(host), aborted.promise])
  } catch (cause) {
    throw new CodedError('RESOLVE_FAILED', `cannot resolve ${host}`, { cause, details: { host } })
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}
