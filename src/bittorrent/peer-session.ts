/**
 * One peer after the handshake: reads its messages, and hands the work to the exchange, the extensions, the hash
 * requests and the tally. Ends the connection for whatever breaks the rules.
 *
 * Source: BEP 3, 6, 9, 10, 21, 52. No timers: the swarm calls `tick`.
 *
 * @module
 */
import { codeOf } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import type { Address, ByteStream, StreamOwner } from '../base/world.ts'
import type { CloseReason } from '../transfer/source.ts'
import type { BlockPool } from './block-pool.ts'
import type { SwarmSettings, SwarmTransfer } from './contract.ts'
import { Exchange, type ExchangeCarrier } from './exchange.ts'
import { ExtensionChannel, type ExtensionOwner } from './extension-channel.ts'
import type { Handshake } from './handshake.ts'
import { HashChannel, type HashOwner } from './hash-channel.ts'
import type { HashServer } from './hash-server.ts'
import { ourExtensions } from './our-extensions.ts'
import type { SessionSwarm } from './session-swarm.ts'
import { TallyChannel, type TallyOwner } from './tally-channel.ts'
import type { MetadataMessage } from './ut-metadata.ts'
import * as wire from './wire.ts'
import { DEFAULT_WIRE_LIMITS, WireDecoder, type WireSink } from './wire-decoder.ts'

/** BEP 3: a keep-alive about every two minutes. */
const KEEP_ALIVE_MS = 100_000
const SILENCE_MS = 180_000
const MEASURE_MS = 1_000

export type SessionOptions = {
  readonly id: number
  readonly stream: ByteStream
  readonly remote: Handshake
  readonly local: Handshake
  readonly wire: 'v1' | 'v2'
  /** The address we dialled, which may be written otherwise than the stream's. */
  readonly dialled: Address | undefined
}

type Roles = ExchangeCarrier & ExtensionOwner & HashOwner & TallyOwner

export class PeerSession implements WireSink, StreamOwner, Roles {
  readonly options: SessionOptions
  readonly label: string
  readonly fast: boolean
  readonly openedMs: number
  readonly exchange: Exchange
  readonly extensions: ExtensionChannel
  readonly tally: TallyChannel
  readonly hashes: HashChannel
  /** When blocks last moved, or one side last wanted some. */
  lastUsefulMs: number
  writable = true
  metadataSentBytes = 0
  readonly #swarm: SessionSwarm<PeerSession>
  readonly #decoder: WireDecoder
  #interestTold = false
  #lastReceivedMs: number
  #lastSentMs: number
  #measuredMs: number
  #closed = false

  constructor(options: SessionOptions, swarm: SessionSwarm<PeerSession>) {
    const { host, port } = options.stream.remote
    this.options = options
    this.label = `${host}:${port}`
    this.fast = options.remote.fast && options.local.fast
    this.#swarm = swarm
    this.openedMs = this.lastUsefulMs = swarm.nowMs()
    this.#lastReceivedMs = this.#lastSentMs = this.#measuredMs = this.openedMs
    const limits = { ...DEFAULT_WIRE_LIMITS, extensionBytesMax: swarm.settings.extensionBytesMax }
    this.#decoder = new WireDecoder(this, limits)
    this.exchange = new Exchange(this)
    this.extensions = new ExtensionChannel(this)
    this.hashes = new HashChannel(this)
    this.tally = new TallyChannel(this, swarm.tallyLinks, swarm.digests.sha256)
  }

  /** Says what must come first. Call once. */
  open(): void {
    const { transfer } = this.#swarm
    this.exchange.sendPieces(transfer)
    this.#sendExtensionHandshake()
    if (transfer !== undefined) this.#begin(transfer)
  }

  /** The share became known, or a finished download is served on. */
  setTransfer(transfer: SwarmTransfer): void {
    if (this.#closed) return
    if (this.exchange.upload === undefined) this.exchange.tellLate(transfer)
    this.guarded(() => this.#begin(transfer))
    this.#sendExtensionHandshake()
  }

  /** Our download is complete; we go on uploading. */
  becameSeed(): void {
    if (this.#closed) return
    this.exchange.becameSeed()
    this.#sendExtensionHandshake()
  }

  /** Ends the connection. Idempotent; `code` is counted. */
  close(code: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#decoder.stop()
    this.exchange.close()
    this.hashes.close()
    this.tally.close()
    this.options.stream.close(code)
    this.#swarm.closed(this, code)
  }

  /** Runs what malformed bytes may end: the peer pays with its connection, whatever was thrown. */
  guarded(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.close(codeOf(error))
    }
  }

  tick(nowMs: number): void {
    if (nowMs - this.#lastReceivedMs > SILENCE_MS) this.close('SILENT')
    if (this.#closed) return
    if (nowMs - this.#lastSentMs > KEEP_ALIVE_MS) this.send(wire.KEEP_ALIVE_MESSAGE)
    const elapsedMs = nowMs - this.#measuredMs
    if (elapsedMs >= MEASURE_MS) {
      this.#measuredMs = nowMs
      this.exchange.measure(elapsedMs)
      this.tally.tick(nowMs)
    }
    this.exchange.tick(nowMs)
    if (this.exchange.download?.interested || this.exchange.peerInterested) this.lastUsefulMs = nowMs
    else if (nowMs - this.lastUsefulMs > this.#swarm.settings.idleTimeoutMs) this.close('IDLE')
  }

  // StreamOwner

  received(bytes: Uint8Array): void {
    if (this.#closed) return
    this.#lastReceivedMs = this.nowMs()
    this.exchange.download?.setBusy(true)
    this.guarded(() => this.#decoder.feed(bytes))
    this.exchange.download?.setBusy(false)
    if (this.#interestTold) {
      this.#interestTold = false
      this.#swarm.interestChanged()
    }
    if (!this.#closed) this.exchange.pump()
  }

  drained(): void {
    this.writable = true
    this.exchange.upload?.pump()
  }

  closed(reason: string): void {
    this.close(reason)
  }

  // WireSink

  request(piece: number, begin: number, length: number): void {
    this.lastUsefulMs = this.#lastReceivedMs
    this.exchange.request(piece, begin, length)
  }

  blockBegin(piece: number, begin: number, length: number): void {
    this.lastUsefulMs = this.#lastReceivedMs
    this.exchange.blockBegin(piece, begin, length)
  }

  blockBytes(chunk: Uint8Array, from: number, to: number): void {
    this.exchange.download?.blockBytes(chunk, from, to)
  }

  blockEnd(): void {
    this.exchange.download?.blockEnd()
  }

  message(message: wire.WireMessage): void {
    switch (message.type) {
      case 'extended':
        this.extensions.receive(message.id, message.payload)
        break
      case 'hash-request':
        this.hashes.receive(message.range)
        break
      case 'hashes':
      case 'hash-reject':
        this.hashes.answered(message.range)
        this.#swarm.hashAnswer(this, message.range, message.type === 'hashes' ? message.hashes : undefined)
        break
      default:
        if (message.type !== 'keep-alive' && message.type !== 'port') this.exchange.message(message)
    }
  }

  // Roles: what the parts need of their connection.

  get settings(): SwarmSettings {
    return this.#swarm.settings
  }

  get pool(): BlockPool {
    return this.#swarm.pool
  }

  get hashServer(): HashServer | undefined {
    return this.#swarm.hashServer
  }

  get peerQueue(): number | undefined {
    return this.extensions.peer.requestQueue
  }

  get weDialled(): boolean {
    return this.options.stream.outgoing
  }

  get ourId(): PeerId {
    return this.options.local.peerId
  }

  get peerId(): PeerId {
    return this.options.remote.peerId
  }

  nowMs(): number {
    return this.#swarm.nowMs()
  }

  send(bytes: Uint8Array, onSent?: () => void): void {
    if (this.#closed) return
    this.#lastSentMs = this.nowMs()
    if (!this.options.stream.send(bytes, onSent)) this.writable = false
  }

  fastSet(): readonly number[] {
    return this.#swarm.fastSetOf(this)
  }

  /** Told once a chunk, however often the peer changes its mind. */
  interestTold(): void {
    this.#interestTold = true
  }

  extensionsKnown(): void {
    this.exchange.limitRequests()
    if (this.extensions.speaks('tsw')) this.tally.start()
    this.#swarm.extensionsKnown(this)
    this.#interestTold = true
  }

  metadataMessage(message: MetadataMessage): void {
    this.#swarm.metadataMessage(this, message)
  }

  sendTally(frame: Uint8Array): void {
    this.extensions.sendTally(frame)
  }

  allowanceGrew(): void {
    if (this.#closed) return
    this.exchange.upload?.pump()
    this.#swarm.interestChanged()
  }

  priceAgreed(priceWeiPerMib: bigint): void {
    this.exchange.priceAgreed(priceWeiPerMib)
  }

  pieceVerified(piece: number): void {
    this.exchange.pieceVerified(piece)
  }

  sourceClosed(reason: CloseReason): void {
    this.#swarm.sourceClosed(this, reason)
  }

  #begin(transfer: SwarmTransfer): void {
    this.#decoder.pieceCount = transfer.share.layout.pieceCount
    this.exchange.begin(transfer)
  }

  #sendExtensionHandshake(): void {
    if (!this.options.remote.extensions) return
    this.extensions.sendHandshake(ourExtensions(this.#swarm, this.tally.offered))
  }
}
