/**
 * UDP tracker client: connection ids, retransmission, and answers matched to questions.
 *
 * Source: BEP 15. A request is repeated after 15 * 2^n seconds, n from 0 to 8; a connection id is used for
 * one minute. An answer counts only when it comes from the address that was asked and repeats the random
 * transaction id; everything else is counted and dropped.
 *
 * @module
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import type { AddressBytes } from '../../announce/compact-peers.ts'
import { CONNECTION_ID_CLIENT_TTL_MS, encodeUdpRequest, type UdpRequest } from '../../announce/udp-request.ts'
import { decodeUdpResponse, peekTransactionId, type UdpResponse } from '../../announce/udp-response.ts'
import { viewOf } from '../../base/bytes.ts'
import { CodedError, codeOf } from '../../base/errors.ts'
import { canonicalIp, parseIp } from '../../base/ip.ts'
import type { Address, Clock, Random } from '../../base/world.ts'

export type UdpExchangeSettings = {
  /** The 15 seconds of BEP 15. */
  readonly retryBaseMs: number
  /** The greatest n. */
  readonly retriesMax: number
  /** Connection ids kept; the oldest goes. */
  readonly connectionsMax: number
  /** Packets waiting for an answer, all trackers together. */
  readonly inFlightMax: number
  readonly peersMax: number
}

const UDP_EXCHANGE_DEFAULTS: UdpExchangeSettings = {
  retryBaseMs: 15_000,
  retriesMax: 8,
  connectionsMax: 256,
  inFlightMax: 256,
  peersMax: 500,
}

/** A request once the connection id and the transaction id are known. */
export type UdpQuestion = (connectionId: bigint, transactionId: number) => UdpRequest

export type UdpExchange = AsyncDisposable & {
  /**
   * The answer: of the question's own kind, or an error of the tracker. Rejects with CodedError
   * `UDP_TIMEOUT`, `UDP_SEND_FAILED`, `UDP_BUSY`, `DISPOSED`, or DecodeError for an answer that does not
   * decode; with the signal's reason when aborted.
   */
  ask(to: Address, question: UdpQuestion, signal: AbortSignal): Promise<UdpResponse>
  /** How many packets were dropped because they answered nothing. */
  readonly strays: number
}

type Pending = {
  readonly to: Address
  readonly addressBytes: AddressBytes
  readonly action: UdpRequest['action']
  readonly settle: (outcome: UdpResponse | undefined | Error) => void
}
type Connection = { readonly id: bigint; readonly untilMs: number }

export function createUdpExchange(
  settings: Partial<UdpExchangeSettings>,
  parts: { readonly clock: Clock; readonly random: Random },
): UdpExchange {
  return new Exchange({ ...UDP_EXCHANGE_DEFAULTS, ...settings }, parts)
}

class Exchange implements UdpExchange {
  readonly #settings: UdpExchangeSettings
  readonly #clock: Clock
  readonly #random: Random
  readonly #sockets = new Map<AddressBytes, Socket>()
  readonly #pending = new Map<number, Pending>()
  readonly #connections = new Map<string, Connection>()
  #strays = 0
  #disposed = false

  constructor(settings: UdpExchangeSettings, { clock, random }: { clock: Clock; random: Random }) {
    this.#settings = settings
    this.#clock = clock
    this.#random = random
  }

  get strays(): number {
    return this.#strays
  }

  async ask(to: Address, question: UdpQuestion, signal: AbortSignal): Promise<UdpResponse> {
    const { retryBaseMs, retriesMax } = this.#settings
    let mayBeStale = true
    for (let n = 0; n <= retriesMax; n++) {
      const waitMs = retryBaseMs * 2 ** n
      const cached = this.#cached(to)
      const connectionId = cached ?? (await this.#connect(to, waitMs, signal))
      if (connectionId === undefined) continue
      if (typeof connectionId !== 'bigint') return connectionId
      const response = await this.#send(to, (id) => question(connectionId, id), waitMs, signal)
      if (response === undefined) continue
      if (response.action === 'error' && cached !== undefined && mayBeStale) {
        // A tracker that restarted no longer knows the id: one fresh start, without waiting.
        this.#connections.delete(nameOf(to))
        mayBeStale = false
        n--
        continue
      }
      return response
    }
    throw new CodedError('UDP_TIMEOUT', 'the tracker does not answer', { details: { host: to.host } })
  }

  #cached(to: Address): bigint | undefined {
    const connection = this.#connections.get(nameOf(to))
    return connection !== undefined && this.#clock.monotonicMs() < connection.untilMs
      ? connection.id
      : undefined
  }

  async #connect(
    to: Address,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<bigint | UdpResponse | undefined> {
    const response = await this.#send(
      to,
      (transactionId) => ({ action: 'connect', transactionId }),
      waitMs,
      signal,
    )
    if (response?.action !== 'connect') return response
    const name = nameOf(to)
    this.#connections.delete(name)
    const untilMs = this.#clock.monotonicMs() + CONNECTION_ID_CLIENT_TTL_MS
    this.#connections.set(name, { id: response.connectionId, untilMs })
    for (const oldest of this.#connections.keys()) {
      if (this.#connections.size <= this.#settings.connectionsMax) break
      this.#connections.delete(oldest)
    }
    return response.connectionId
  }

  /** Sends once. Undefined when `waitMs` passed without an answer. */
  async #send(
    to: Address,
    build: (transactionId: number) => UdpRequest,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<UdpResponse | undefined> {
    signal.throwIfAborted()
    if (this.#disposed) throw disposed()
    if (this.#pending.size >= this.#settings.inFlightMax)
      throw new CodedError('UDP_BUSY', 'too many requests in flight')
    const addressBytes = parseIp(to.host)!.length as AddressBytes
    const transactionId = this.#freshTransactionId()
    const request = build(transactionId)
    const { promise, resolve, reject } = Promise.withResolvers<UdpResponse | undefined>()
    const settle: Pending['settle'] = (outcome) =>
      outcome instanceof Error ? reject(outcome) : resolve(outcome)
    const abort = () => reject(signal.reason)
    const timer = setTimeout(resolve, waitMs, undefined)
    signal.addEventListener('abort', abort, { once: true })
    this.#pending.set(transactionId, { to, addressBytes, action: request.action, settle })
    try {
      this.#socket(addressBytes).send(encodeUdpRequest(request), to.port, to.host, (cause) => {
        if (cause)
          settle(
            new CodedError('UDP_SEND_FAILED', 'cannot send to the tracker', {
              cause,
              details: { cause: codeOf(cause) },
            }),
          )
      })
      return await promise
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      this.#pending.delete(transactionId)
    }
  }

  #freshTransactionId(): number {
    for (;;) {
      const id = viewOf(this.#random.bytes(4)).getUint32(0)
      if (!this.#pending.has(id)) return id
    }
  }

  #socket(addressBytes: AddressBytes): Socket {
    const existing = this.#sockets.get(addressBytes)
    if (existing !== undefined) return existing
    const socket = createSocket(addressBytes === 16 ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' })
    socket.on('message', (packet, remote) => this.#received(packet, remote))
    // A socket that breaks is replaced at the next request; those waiting on it time out and repeat.
    socket.on('error', () => {
      this.#sockets.delete(addressBytes)
      socket.close()
    })
    this.#sockets.set(addressBytes, socket)
    return socket
  }

  #received(packet: Uint8Array, remote: RemoteInfo): void {
    const pending = packet.length < 8 ? undefined : this.#pending.get(peekTransactionId(packet))
    const { to } = pending ?? {}
    if (pending === undefined || canonicalIp(remote.address) !== to?.host || remote.port !== to?.port) {
      this.#strays++
      return
    }
    try {
      const response = decodeUdpResponse(packet, pending.addressBytes, this.#settings)
      if (response.action === pending.action || response.action === 'error') pending.settle(response)
      else this.#strays++
    } catch (error) {
      pending.settle(error as Error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    for (const { settle } of this.#pending.values()) settle(disposed())
    const sockets = [...this.#sockets.values()]
    this.#sockets.clear()
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))))
  }
}

const disposed = () => new CodedError('DISPOSED', 'the UDP exchange was closed')
const nameOf = ({ host, port }: Address) => `${host} ${port}`
