/**
 * The HTTP server of shares: listener, limits on connections and time, requests of a connection in order.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { toHex } from '../../base/bytes.ts'
import { codeOf, DecodeError, messageOf } from '../../base/errors.ts'
import { systemRandom } from '../../base/io/system.ts'
import { parseIp } from '../../base/ip.ts'
import type { Address } from '../../base/world.ts'
import type { Share } from '../../content/share.ts'
import type { ShareReader } from '../../transfer/reader.ts'
import { Catalog } from '../catalog.ts'
import {
  DEFAULT_SHARE_SERVER_SETTINGS,
  type ShareOffer,
  type ShareServer,
  type ShareServerParts,
  type ShareServerSettings,
  type ShareServerStatus,
} from '../contract.ts'
import { corsHeaders, PREFLIGHT_HEADERS } from '../headers.ts'
import { HttpFault } from '../representation.ts'
import { BufferPool } from './buffer-pool.ts'
import { createGate } from './gate.ts'
import { type Connection, RequestHandler } from './handle.ts'
import { finishJson } from './respond.ts'

/** A request's headers: twice what our frames may take. */
const HEADER_BYTES_MAX = 16_384
const HEADERS_MAX = 64
const TICK_MS = 1_000
/** How many different refusal codes are counted; codes are ours, so this is never met. */
const CODES_MAX = 256

type OpenConnection = Connection & {
  readonly socket: Socket
  readonly ipKey: string
  waiting: number
  /** The request being answered, and those behind it. */
  tail: Promise<void>
}

class HttpShareServer implements ShareServer {
  readonly #settings: ShareServerSettings
  readonly #parts: ShareServerParts
  readonly #catalog = new Catalog()
  readonly #handler: RequestHandler
  readonly #server: Server
  /** All that were accepted, those in their TLS handshake too. */
  readonly #sockets = new Set<Socket>()
  readonly #connections = new Map<Socket, OpenConnection>()
  readonly #perIp = new Map<string, number>()
  readonly #refused: Record<string, number> = {}
  readonly #sentBytesByShare: Record<string, number> = {}
  #requests = 0
  #sentBytes = 0
  #ticking: NodeJS.Timeout | undefined

  constructor(settings: ShareServerSettings, parts: ShareServerParts) {
    this.#settings = settings
    this.#parts = parts
    this.#handler = new RequestHandler({
      ...settings,
      catalog: this.#catalog,
      peerId: parts.peerId,
      layerGate: createGate(settings.layerJobsMax),
      pool: new BufferPool({ bufferBytes: settings.bufferBytes, bytesMax: settings.buffersBytesMax }),
      boundary: `tsw-${toHex(systemRandom.bytes(16))}`,
      onSent: ({ id }, bytes) => {
        this.#sentBytes += bytes
        this.#sentBytesByShare[id] = (this.#sentBytesByShare[id] ?? 0) + bytes
      },
    })
    const options = {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: settings.headersTimeoutMs,
      requestTimeout: settings.headersTimeoutMs * 2,
      keepAliveTimeout: settings.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, settings.headersTimeoutMs),
      noDelay: true,
    }
    const tls = {
      ...settings.tls,
      minVersion: 'TLSv1.3',
      handshakeTimeout: settings.headersTimeoutMs,
    } as const
    this.#server =
      settings.tls === undefined ? createServer(options) : createTlsServer({ ...options, ...tls })
    this.#server.maxConnections = settings.connectionsMax
    this.#server.maxHeadersCount = HEADERS_MAX
    this.#listenToServer()
  }

  get address(): Address {
    const { address, port } = this.#server.address() as AddressInfo
    return { host: address, port }
  }

  async listen(): Promise<void> {
    const { host, port } = this.#settings.listen
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    this.#ticking = setInterval(() => this.#tick(), TICK_MS)
  }

  add(reader: ShareReader, offer: ShareOffer = {}): void {
    this.#catalog.add(reader, offer)
  }

  remove(share: Share): void {
    this.#catalog.remove(share)
  }

  status(): ShareServerStatus {
    const sessions = [...this.#connections.values()].flatMap(({ session }) => session ?? [])
    return {
      connections: this.#connections.size,
      requests: this.#requests,
      sentBytes: this.#sentBytes,
      sentBytesByShare: { ...this.#sentBytesByShare },
      refused: { ...this.#refused },
      tallies: sessions.map(({ label, link }) => ({ label, state: link.state })),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#ticking)
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    const answering = [...this.#connections.values()].map(({ tail }) => tail)
    for (const socket of this.#sockets) socket.destroy()
    await closed
    await Promise.all(answering)
  }

  #listenToServer(): void {
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    const connected = this.#settings.tls === undefined ? 'connection' : 'secureConnection'
    this.#server.on(connected, (socket: Socket) => this.#accept(socket))
    this.#server.on('drop', () => this.#count('CONNECTIONS_MAX'))
    this.#server.on('request', (req, res) => this.#enqueue(req, res))
    this.#server.on('clientError', (error, socket) => this.#refuseMalformed(error, socket as Socket))
  }

  #accept(socket: Socket): void {
    const ipKey = connectionKey(socket.remoteAddress ?? '')
    const held = this.#perIp.get(ipKey) ?? 0
    if (held >= this.#settings.connectionsPerIpMax) {
      this.#count('CONNECTIONS_PER_IP_MAX')
      socket.destroy()
      return
    }
    this.#perIp.set(ipKey, held + 1)
    const connection: OpenConnection = {
      socket,
      ipKey,
      label: `${socket.remoteAddress}:${socket.remotePort}`,
      session: undefined,
      waiting: 0,
      tail: Promise.resolve(),
      drop: (code) => {
        this.#count(code)
        socket.destroy()
      },
    }
    this.#connections.set(socket, connection)
    socket.once('close', () => this.#forget(connection))
  }

  #forget({ socket, ipKey, session }: OpenConnection): void {
    this.#connections.delete(socket)
    const held = this.#perIp.get(ipKey)! - 1
    if (held === 0) this.#perIp.delete(ipKey)
    else this.#perIp.set(ipKey, held)
    session?.close()
  }

  /** Answers requests of one connection in order: pipelined ones wait, and too many of them end it. */
  #enqueue(req: IncomingMessage, res: ServerResponse): void {
    const connection = this.#connections.get(req.socket)
    if (connection === undefined) {
      res.destroy()
      return
    }
    if (connection.waiting > this.#settings.pipelinedRequestsMax) {
      connection.drop('PIPELINE_FULL')
      return
    }
    connection.waiting++
    connection.tail = connection.tail.then(async () => {
      await this.#answer(connection, req, res)
      connection.waiting--
    })
  }

  async #answer(connection: OpenConnection, req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (res.destroyed || connection.socket.destroyed) return
    this.#requests++
    res.setHeader('X-Content-Type-Options', 'nosniff')
    res.setHeader('Content-Security-Policy', "default-src 'none'; sandbox")
    const cors = corsHeaders(req.headers.origin, this.#settings.corsOrigins)
    for (const [name, value] of Object.entries(cors)) res.setHeader(name, value)
    try {
      if (req.method === 'OPTIONS' && cors['Access-Control-Allow-Origin'] !== undefined) {
        res.writeHead(204, PREFLIGHT_HEADERS).end()
        return
      }
      await this.#handler.handle(connection, { req, res })
    } catch (error) {
      this.#fail(connection, { req, res }, error)
    }
  }

  #fail(
    connection: OpenConnection,
    exchange: { req: IncomingMessage; res: ServerResponse },
    error: unknown,
  ): void {
    const { req, res } = exchange
    const code = codeOf(error)
    if (res.headersSent || res.destroyed) {
      connection.drop(code)
      return
    }
    this.#count(code)
    const fault = faultOf(error)
    for (const name of ['ETag', 'Content-Type', 'Content-Disposition', 'Content-Length'])
      res.removeHeader(name)
    res.setHeader('Cache-Control', 'no-store')
    for (const [name, value] of Object.entries(fault.headers)) res.setHeader(name, value)
    // What we did not read of a request must not be taken for the next one.
    if (!req.complete || fault.status === 400) res.setHeader('Connection', 'close')
    const value = { error: fault.message, code: fault.code }
    finishJson(exchange, { status: fault.status, value, session: connection.session })
  }

  #refuseMalformed(error: Error, socket: Socket): void {
    const code = codeOf(error)
    this.#count(code)
    const status = MALFORMED_STATUS[code] ?? '400 Bad Request'
    if (socket.writable && socket.bytesWritten === 0) {
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    }
    socket.destroySoon()
  }

  #tick(): void {
    const nowMs = this.#parts.clock.nowMs()
    for (const { session } of this.#connections.values()) session?.link.tick(nowMs)
  }

  #count(code: string): void {
    if (this.#refused[code] !== undefined || Object.keys(this.#refused).length < CODES_MAX) {
      this.#refused[code] = (this.#refused[code] ?? 0) + 1
    }
  }
}

const MALFORMED_STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** Malformed tallies are the client's fault; what else happens is ours, and strangers are not told what. */
function faultOf(error: unknown): HttpFault {
  if (error instanceof HttpFault) return error
  if (error instanceof DecodeError) return new HttpFault(400, error.code, messageOf(error))
  return new HttpFault(500, 'INTERNAL', 'the request could not be answered')
}

/** Whom connections are counted for: an IPv4 address, or the /64 that one IPv6 customer has. */
function connectionKey(remote: string): string {
  const address = remote.split('%', 1)[0]!.replace(/^::ffff:/i, '')
  const bytes = parseIp(address)
  return bytes?.length === 16 ? toHex(bytes.subarray(0, 8)) : address
}

/** Starts a server of shares. Rejects when the address cannot be bound. */
export async function createShareServer(
  settings: Partial<ShareServerSettings>,
  parts: ShareServerParts,
): Promise<ShareServer> {
  const server = new HttpShareServer({ ...DEFAULT_SHARE_SERVER_SETTINGS, ...settings }, parts)
  await server.listen()
  return server
}
