/**
 * Agents that resolve a host themselves, refuse addresses a stranger must not send us to, and connect to
 * exactly the address that was checked (so a name that resolves differently next time does not matter).
 *
 * @module
 */
import { type ClientRequestArgs, Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { connect as connectTcp, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { CodedError } from '../../base/errors.ts'
import { resolveHost } from '../../base/io/resolve.ts'
import { parseIp } from '../../base/ip.ts'
import type { Reach } from '../../base/ip-scope.ts'

export type PinnedAgentSettings = {
  readonly reach: Reach
  readonly connectTimeoutMs: number
  readonly connectionsMax: number
  /** Connections this agent may ever open. */
  readonly dialsMax: number
}

/** Addresses of one name that are tried, in the resolver's order. */
const ADDRESSES_MAX = 4

/** Options of an agent's `createConnection`, as node:http gives them. */
type Target = ClientRequestArgs & { readonly servername?: string }

async function dial(target: Target, settings: PinnedAgentSettings, secure: boolean): Promise<Socket> {
  const host = (target.host ?? '').replace(/^\[|\]$/g, '')
  const port = Number(target.port)
  let failure: unknown
  const addresses = await resolveHost(host, {
    reach: settings.reach,
    signal: AbortSignal.timeout(settings.connectTimeoutMs),
  })
  for (const address of addresses.slice(0, ADDRESSES_MAX)) {
    try {
      return await dialAddress({ host, address, port }, settings.connectTimeoutMs, secure)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

function dialAddress(
  { host, address, port }: { readonly host: string; readonly address: string; readonly port: number },
  timeoutMs: number,
  secure: boolean,
): Promise<Socket> {
  const tcp = { host: address, port, noDelay: true }
  const socket = secure
    ? connectTls({
        ...tcp,
        ...(parseIp(host) === undefined && { servername: host }),
        ALPNProtocols: ['http/1.1'],
      })
    : connectTcp(tcp)
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new Error('no answer')), timeoutMs)
    const fail = (cause: unknown) => {
      clearTimeout(timer)
      socket.destroy()
      reject(new CodedError('DIAL_FAILED', `cannot connect to ${host}:${port}`, { cause }))
    }
    socket.once('error', fail)
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer)
      socket.off('error', fail)
      resolve(socket)
    })
  })
}

/**
 * Agents for both schemes under one policy and one count of dials; `close` ends what is still being dialled
 * too.
 */
export type PinnedAgents = { readonly http: HttpAgent; readonly https: HttpsAgent; close(): void }

export function createPinnedAgents(settings: PinnedAgentSettings): PinnedAgents {
  let dials = 0
  let closed = false
  const options = { keepAlive: true, maxSockets: settings.connectionsMax, scheduling: 'lifo' } as const
  const http = new HttpAgent(options)
  const https = new HttpsAgent(options)
  const open = async (target: Target, secure: boolean): Promise<Socket> => {
    if (closed || dials++ >= settings.dialsMax) throw lost()
    const socket = await dial(target, settings, secure)
    if (!closed) return socket
    socket.destroy()
    throw lost()
  }
  const createConnection =
    (secure: boolean) =>
    (target: Target, callback?: (error: Error | null, stream: Duplex) => void): undefined => {
      open(target, secure).then(
        (socket) => callback?.(null, socket),
        (error) => callback?.(error, undefined as never),
      )
    }
  http.createConnection = createConnection(false) as typeof http.createConnection
  https.createConnection = createConnection(true) as typeof https.createConnection
  const close = () => {
    closed = true
    http.destroy()
    https.destroy()
  }
  return { http, https, close }
}

const lost = () => new CodedError('CONNECTION_LOST', 'the connection of this session is gone')
