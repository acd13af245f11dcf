/**
 * Which protocols a command speaks, and where it listens: what was asked for, else what the config says, else any free
 * port when that one is taken.
 *
 * @module
 */
import { networkInterfaces } from 'node:os'
import type { Config } from '../node/config.ts'
import type { Listen } from '../node/node.ts'
import { UsageError } from './context.ts'

export type Protocol = 'bt' | 'http'
export const PROTOCOLS: ReadonlySet<Protocol> = new Set(['bt', 'http'] as const)

const isProtocol = (name: string): name is Protocol => (PROTOCOLS as ReadonlySet<string>).has(name)

/** The values given to `option`, or every protocol. */
export function protocolsOf(option: string, names: readonly string[] | undefined): ReadonlySet<Protocol> {
  const wrong = names?.find((name) => !isProtocol(name))
  if (wrong !== undefined) throw new UsageError(`${option} knows bt and http, not "${wrong}"`)
  return names === undefined ? PROTOCOLS : new Set(names.filter(isProtocol))
}

type ListenOptions = { readonly port?: string; readonly httpPort?: string; readonly host?: string }

/** Every interface: dual-stack where the machine has IPv6. */
function everyInterface(): string {
  const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
    list?.some((item) => item.family === 'IPv6'),
  )
  return hasIpv6 ? '::' : '0.0.0.0'
}

function portOf(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new UsageError(`expected a port, got "${text}"`)
  return port
}

/** An asked-for port is taken as it is; the config's gives way to any free one when it is taken. */
const choose = (host: string, asked: string | undefined, configured: number): Listen =>
  asked === undefined ? { host, port: configured, orAnyPort: true } : { host, port: portOf(asked) }

export function listenAddresses(
  config: Config,
  options: ListenOptions,
  protocols: ReadonlySet<Protocol>,
): { bittorrent?: Listen; http?: Listen } {
  const host = (configured: string) => options.host ?? (configured === '' ? everyInterface() : configured)
  const withHttp = protocols.has('http') && (options.httpPort !== undefined || config.http.enabled)
  return {
    ...(protocols.has('bt')
      ? { bittorrent: choose(host(config.bittorrent.host), options.port, config.bittorrent.port) }
      : {}),
    ...(withHttp ? { http: choose(host(config.http.host), options.httpPort, config.http.port) } : {}),
  }
}
