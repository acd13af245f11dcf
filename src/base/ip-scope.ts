/**
 * How far an IP address reaches, so that a URL from a stranger cannot point us at our own machine or network.
 *
 * Source: IANA special-purpose address registries (RFC 6890 and its updates); RFC 4291, 6052 (NAT64), 3056
 * (6to4), 5214 (ISATAP), 8215. Addresses that carry an IPv4 address are judged by that address too. Resolve a
 * name first, check every address, then connect to the checked address itself: a name may resolve differently
 * next time.
 *
 * @module
 */
import { parseIp } from './ip.ts'

/** `public` is the one scope a stranger may send us to. `invalid`: no IP literal at all. */
export type IpScope =
  | 'public'
  | 'unspecified'
  | 'loopback'
  | 'private'
  | 'shared'
  | 'link-local'
  | 'metadata'
  | 'multicast'
  | 'documentation'
  | 'reserved'
  | 'invalid'

type Block = { readonly prefix: Uint8Array; readonly bits: number; readonly scope: IpScope }

const block = (cidr: string, scope: IpScope): Block => {
  const [address, bits] = cidr.split('/')
  return { prefix: parseIp(address!)!, bits: Number(bits), scope }
}

/** First match wins: single metadata addresses stand before the ranges they lie in. */
const IPV4: readonly Block[] = [
  block('169.254.169.254/32', 'metadata'), // AWS, Azure, Google, and most others
  block('169.254.170.2/32', 'metadata'), // AWS task credentials
  block('100.100.100.200/32', 'metadata'), // Alibaba
  block('192.0.0.192/32', 'metadata'), // Oracle
  block('168.63.129.16/32', 'metadata'), // Azure's host agent, on a public address
  block('0.0.0.0/32', 'unspecified'),
  block('0.0.0.0/8', 'reserved'),
  block('127.0.0.0/8', 'loopback'),
  block('10.0.0.0/8', 'private'),
  block('172.16.0.0/12', 'private'),
  block('192.168.0.0/16', 'private'),
  block('100.64.0.0/10', 'shared'),
  block('169.254.0.0/16', 'link-local'),
  block('192.0.0.0/24', 'reserved'),
  block('192.0.2.0/24', 'documentation'),
  block('198.51.100.0/24', 'documentation'),
  block('203.0.113.0/24', 'documentation'),
  block('192.88.99.0/24', 'reserved'), // 6to4 relays, withdrawn
  block('198.18.0.0/15', 'reserved'), // benchmarks
  block('224.0.0.0/4', 'multicast'),
  block('240.0.0.0/4', 'reserved'), // limited broadcast included
]

const IPV6: readonly Block[] = [
  block('fd00:ec2::254/128', 'metadata'), // AWS
  block('fd20:ce::254/128', 'metadata'), // Google
  block('::/128', 'unspecified'),
  block('::1/128', 'loopback'),
  block('fc00::/7', 'private'),
  block('fec0::/10', 'private'), // site-local, withdrawn but still routed by some
  block('64:ff9b:1::/48', 'private'), // NAT64 for local use
  block('fe80::/10', 'link-local'),
  block('ff00::/8', 'multicast'),
  block('2001:db8::/32', 'documentation'),
  block('3fff::/20', 'documentation'),
  block('2001::/23', 'reserved'), // protocol assignments: Teredo, ORCHID, benchmarks
  block('2000::/3', 'public'),
]

/** Where an IPv6 address carries an IPv4 address: offset in bytes. */
const CARRIERS: readonly { readonly prefix: Block; readonly offset: number }[] = [
  { prefix: block('::ffff:0:0/96', 'public'), offset: 12 },
  { prefix: block('64:ff9b::/96', 'public'), offset: 12 },
  { prefix: block('2002::/16', 'public'), offset: 2 },
]
const ISATAP = Uint8Array.of(0x5e, 0xfe)

/** The scope of an IP literal; a zone (`%eth0`) is ignored, brackets and ports are not understood. */
export function ipScope(text: string): IpScope {
  const bytes = parseIp(text.split('%', 1)[0]!)
  return bytes === undefined ? 'invalid' : ipScopeOf(bytes)
}

/** The scope of 4 or 16 address bytes. */
function ipScopeOf(bytes: Uint8Array): IpScope {
  if (bytes.length === 4) return IPV4.find((range) => contains(range, bytes))?.scope ?? 'public'
  if (bytes.length !== 16) return 'invalid'
  for (const { prefix, offset } of CARRIERS) {
    if (contains(prefix, bytes)) return ipScopeOf(bytes.subarray(offset, offset + 4))
  }
  const scope = IPV6.find((range) => contains(range, bytes))?.scope ?? 'reserved'
  const isatap =
    (bytes[8]! & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === ISATAP[0] && bytes[11] === ISATAP[1]
  return scope === 'public' && isatap ? ipScopeOf(bytes.subarray(12)) : scope
}

/** Whether a stranger may send us there. Fails closed: what is no IP literal is not public. */
export const isPublicIp = (text: string): boolean => ipScope(text) === 'public'

function contains({ prefix, bits }: Block, bytes: Uint8Array): boolean {
  const whole = bits >>> 3
  for (let i = 0; i < whole; i++) if (prefix[i] !== bytes[i]) return false
  const rest = bits & 7
  return rest === 0 || ((prefix[whole]! ^ bytes[whole]!) & (0xff << (8 - rest)) & 0xff) === 0
}

/** Where we may connect: `public` for URLs of strangers, `local` adds our own machine and network. */
export type Reach = 'public' | 'local'

const LOCAL: ReadonlySet<IpScope> = new Set(['public', 'loopback', 'private', 'shared', 'link-local'])

/** Whether an address is within reach. Metadata services, multicast and reserved ranges never are. */
export function isWithinReach(text: string, reach: Reach): boolean {
  const scope = ipScope(text)
  return scope === 'public' || (reach === 'local' && LOCAL.has(scope))
}
