/**
 * One peer after the handshake: reads its messages, keeps the state of both sides, and hands the work to its parts.
 *
 * Source: BEP 3, 6, 9, 10, 21, 52. No timers: the swarm calls `tick`.
 *
 * @module
 */
import { concatBytes } from '../base/bytes.ts'
import { codeOf, DecodeError } from '../base/errors.ts'
import type { Address, ByteStream, StreamOwner } from '../base/world.ts'
import type { TallyLinkFactory } from '../tally/link.ts'
import type { CloseReason } from '../transfer/source.ts'
import type { BlockPool } from './block-pool.ts'
import type { Digests, SwarmSettings, SwarmTransfer } from './contract.ts'
import { Download } from './download.ts'
import { EXTENSION_IDS } from './extension.ts'
import { ExtensionChannel } from './extension-channel.ts'
import type { Handshake } from './handshake.ts'
import { HashChannel } from './hash-channel.ts'
import type { FileHashRange } from './hash-range.ts'
import type { HashServer } from './hash-server.ts'
import { RemotePieces } from './remote-pieces.ts'
import { TallyChannel } from './tally-channel.ts'
import { Upload } from './upload.ts'
import type { MetadataMessage } from './ut-metadata.ts'
import * as wire from './wire.ts'
import { DEFAULT_WIRE_LIMITS, WireDecoder, type WireSink } from './wire-decoder.ts'

export const CLIENT_NAME = 'Tallyswarm 0.1.0'
/** BEP 3: a keep-alive about every two minutes. */
const KEEP_ALIVE_MS = 100_000
const SILENCE_MS = 180_000
/** A tally window that stays used up this long becomes a choke on the wire; a shorter wait is only a pause. */
const HOLD_MS = 2_000
const MEASURE_MS = 1_000

/** What a session knows of its swarm, and tells it. */
export type SessionSwarm = {
  readonly settings: SwarmSettings
  readonly digests: Digests
  readonly pool: BlockPool
  readonly listenPort: number
  readonly tallyLinks: TallyLinkFactory | undefined
  readonly transfer: SwarmTransfer | undefined
  /** The info dictionary as served; undefined while unknown and for private shares (BEP 27). */
  readonly infoBytes: Uint8Array | undefined
  readonly hashServer: HashServer | undefined
  nowMs(): number
  /** BEP 6; empty where there is none. */
  fastSetOf(session: PeerSession): readonly number[]
  extensionsKnown(session: PeerSession): void
  metadataMessage(session: PeerSession, message: MetadataMessage): void
  /** `hashes` undefined: rejected. */
  hashAnswer(session: PeerSession, range: FileHashRange, hashes: Uint8Array | undefined): void
  /** The peer's wish changed, or what the tally allows it. */
  interestChanged(session: PeerSession): void
  sourceClosed(session: PeerSession, reason: CloseReason): void
  closed(session: PeerSession, code: string): void
}

export type SessionOptions = {
  readonly id: number
  readonly stream: ByteStream
  readonly remote: Handshake
  readonly local: Handshake
  readonly wire: 'v1' | 'v2'
  /** The address we dialled, which may be written otherwise than the stream's. */
  readonly dialled: Address | undefined
}

export class PeerSession implements WireSink, StreamOwner {
  readonly options: SessionOptions
  readonly label: string
  readonly fast: boolean
  readonly pieces = new RemotePieces()
  readonly extensions: ExtensionChannel
  readonly tally: TallyChannel
  readonly hashes: HashChannel
  download: Download | undefined
  upload: Upload | undefined
  peerInterested = false
  /** When we last choked or unchoked it. */
  chokeChangedMs: number
  readonly openedMs: number
  lastUsefulMs: number
  writable = true
  metadataSentBytes = 0
  /** What earlier sources on this connection did (a share is set again when its download is done). */
  readonly #past = { receivedBytes: 0, verifiedBytes: 0, wastedBytes: 0 }
  readonly #swarm: SessionSwarm
  readonly #decoder: WireDecoder
  #peerChokes = true
  #interestTold = false
  #lastReceivedMs: number
  #lastSentMs: number
  #measuredMs: number
  #haves: number[] = []
  #closed = false

  constructor(options: SessionOptions, swarm: SessionSwarm) {
    const { stream, remote, local } = options
    this.options = options
    this.label = `${stream.remote.host}:${stream.remote.port}`
    this.fast = remote.fast && local.fast
    this.#swarm = swarm
    const nowMs = swarm.nowMs()
    this.openedMs = this.chokeChangedMs = this.lastUsefulMs = nowMs
    this.#lastReceivedMs = this.#lastSentMs = this.#measuredMs = nowMs
    const { extensionBytesMax } = swarm.settings
    this.#decoder = new WireDecoder(this, { ...DEFAULT_WIRE_LIMITS, extensionBytesMax })
    this.extensions = new ExtensionChannel(this)
    this.hashes = new HashChannel(this)
    this.tally = new TallyChannel(this, swarm.tallyLinks, swarm.digests.sha256)
  }

  /** Says what must come first. Call once. */
  open(): void {
    const transfer = this.#swarm.transfer
    if (transfer === undefined) {
      if (this.fast) this.send(wire.encodeFixed(wire.HAVE_NONE))
    } else {
      this.#sendPieces(transfer)
    }
    if (this.options.remote.extensions) this.sendExtensionHandshake()
    if (transfer !== undefined) this.#begin(transfer)
  }

  /** The share became known, or a finished download is served on. */
  setTransfer(transfer: SwarmTransfer): void {
    if (this.#closed) return
    const first = this.upload === undefined
    if (first) {
      for (let piece = 0; piece < transfer.share.layout.pieceCount; piece++) {
        if (transfer.reader.have.has(piece)) this.#haves.push(piece)
      }
    }
    this.guarded(() => this.#begin(transfer))
    if (this.options.remote.extensions) this.sendExtensionHandshake()
  }

  sendExtensionHandshake(): void {
    const { settings, infoBytes, listenPort, transfer } = this.#swarm
    this.extensions.sendHandshake({
      ids: {
        ut_metadata: EXTENSION_IDS.ut_metadata,
        ...(this.tally.offered && { tsw: EXTENSION_IDS.tsw }),
      },
      client: CLIENT_NAME,
      requestQueue: settings.queuedRequestsMax,
      ...(listenPort > 0 && { listenPort }),
      ...(infoBytes && { metadataBytes: infoBytes.length }),
      ...(transfer && { uploadOnly: transfer.reader.have.isFull }),
    })
  }

  // StreamOwner

  received(bytes: Uint8Array): void {
    if (this.#closed) return
    this.#lastReceivedMs = this.#swarm.nowMs()
    this.download?.setBusy(true)
    this.guarded(() => this.#decoder.feed(bytes))
    this.download?.setBusy(false)
    if (this.#closed) return
    if (this.#interestTold) {
      this.#interestTold = false
      this.#swarm.interestChanged(this)
    }
    this.#flushHaves()
    this.download?.pump()
    this.upload?.pump()
  }

  drained(): void {
    this.writable = true
    this.upload?.pump()
  }

  closed(reason: string): void {
    this.close(reason)
  }

  /** Ends the connection. Idempotent; `code` is counted. */
  close(code: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#decoder.stop()
    this.download?.detach()
    this.upload?.close()
    this.hashes.close()
    this.tally.close()
    this.options.stream.close(code)
    this.#swarm.closed(this, code)
  }

  fail(code: string): void {
    this.close(code)
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Runs what malformed bytes may end: the peer pays with its connection, whatever was thrown. */
  guarded(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.close(codeOf(error))
    }
  }

  send(bytes: Uint8Array, onSent?: () => void): void {
    if (this.#closed) return
    this.#lastSentMs = this.#swarm.nowMs()
    if (!this.options.stream.send(bytes, onSent)) this.writable = false
  }

  tick(nowMs: number): void {
    if (nowMs - this.#lastReceivedMs > SILENCE_MS) {
      this.close('SILENT')
      return
    }
    if (nowMs - this.#lastSentMs > KEEP_ALIVE_MS) this.send(wire.KEEP_ALIVE_MESSAGE.slice())
    const elapsedMs = nowMs - this.#measuredMs
    if (elapsedMs >= MEASURE_MS) {
      this.#measuredMs = nowMs
      this.download?.measure(elapsedMs)
      this.upload?.rate.tick(elapsedMs)
      this.tally.tick(nowMs)
    }
    this.#flushHaves()
    this.download?.tick(nowMs)
    this.#checkHold(nowMs)
    if (this.download?.interested || this.peerInterested) this.lastUsefulMs = nowMs
    else if (nowMs - this.lastUsefulMs > this.#swarm.settings.idleTimeoutMs) this.close('IDLE')
  }

  // WireSink

  request(piece: number, begin: number, length: number): void {
    if (this.upload === undefined) throw new DecodeError('EARLY_REQUEST', 'a request, but we have nothing')
    this.lastUsefulMs = this.#lastReceivedMs
    this.upload.request(piece, begin, length)
  }

  blockBegin(piece: number, begin: number, length: number): void {
    if (this.download === undefined)
      throw new DecodeError('UNREQUESTED_BLOCK', 'a block, but nothing was asked')
    this.lastUsefulMs = this.#lastReceivedMs
    this.download.blockBegin(piece, begin, length)
  }

  blockBytes(chunk: Uint8Array, from: number, to: number): void {
    this.download?.blockBytes(chunk, from, to)
  }

  blockEnd(): void {
    this.download?.blockEnd()
  }

  message(message: wire.WireMessage): void {
    switch (message.type) {
      case 'choke':
      case 'unchoke':
        this.#setPeerChokes(message.type === 'choke')
        break
      case 'interested':
      case 'not-interested':
        this.peerInterested = message.type === 'interested'
        this.#interestTold = true
        break
      case 'have':
        if (this.pieces.have(message.piece)) this.download?.have(message.piece)
        break
      case 'bitfield':
        this.#setPieces(message.bytes)
        break
      case 'cancel':
        this.upload?.cancel(message.piece, message.begin, message.length)
        break
      case 'extended':
        this.extensions.receive(message.id, message.payload)
        break
      case 'hash-request':
        this.hashes.receive(message.range)
        break
      case 'hashes':
        this.hashes.answered(message.range)
        this.#swarm.hashAnswer(this, message.range, message.hashes)
        break
      case 'hash-reject':
        this.hashes.answered(message.range)
        this.#swarm.hashAnswer(this, message.range, undefined)
        break
      case 'keep-alive':
      case 'port':
        break
      default:
        this.#fastMessage(message)
    }
  }

  /** BEP 6: any of these without the extension ends the connection. */
  #fastMessage(message: wire.FastMessage): void {
    if (!this.fast) throw new DecodeError('NOT_FAST', `${message.type} without the fast extension`)
    if (message.type === 'have-all') this.#setPieces('all')
    else if (message.type === 'have-none') this.#setPieces('none')
    else if (message.type === 'reject') this.download?.reject(message.piece, message.begin)
    // Suggestions are advice, and the transfer alone decides what is asked of whom.
  }

  // Owner of the parts: extensions, hashes, tally, download, upload.

  get hashServer(): HashServer | undefined {
    return this.#swarm.hashServer
  }

  get weDialled(): boolean {
    return this.options.stream.outgoing
  }

  get ourId() {
    return this.options.local.peerId
  }

  get peerId() {
    return this.options.remote.peerId
  }

  get peerChokes(): boolean {
    return this.#peerChokes
  }

  get receivedBytes(): number {
    return this.#past.receivedBytes + (this.download?.receivedBytes ?? 0)
  }

  get verifiedBytes(): number {
    return this.#past.verifiedBytes + (this.download?.verifiedBytes ?? 0)
  }

  get wastedBytes(): number {
    return this.#past.wastedBytes + (this.download?.wastedBytes ?? 0)
  }

  nowMs(): number {
    return this.#swarm.nowMs()
  }

  extensionsKnown(): void {
    const { requestQueue } = this.extensions.peer
    const { requestsMax } = this.#swarm.settings
    if (this.download !== undefined && requestQueue) {
      this.download.pipeline.max = Math.max(1, Math.min(requestsMax, requestQueue))
    }
    if (this.extensions.speaks('tsw')) this.tally.start()
    this.#swarm.extensionsKnown(this)
    this.#interestTold = true
  }

  metadataMessage(message: MetadataMessage): void {
    this.#swarm.metadataMessage(this, message)
  }

  tallyFrame(frame: Uint8Array): void {
    this.tally.receiveFrame(frame)
  }

  sendTally(frame: Uint8Array): void {
    this.extensions.sendTally(frame)
  }

  allowanceGrew(): void {
    if (this.#closed) return
    this.upload?.pump()
    this.#swarm.interestChanged(this)
  }

  maySend(bytes: number): boolean {
    return this.tally.maySend(bytes)
  }

  sent(piece: number, begin: number, length: number, payloadBytes: number): void {
    this.tally.sent(piece, begin, length, payloadBytes)
  }

  verified(piece: number, begin: number, length: number, payloadBytes: number): void {
    this.tally.verified(piece, begin, length, payloadBytes)
  }

  wasted(payloadBytes: number): void {
    this.tally.wasted(payloadBytes)
  }

  pieceVerified(piece: number): void {
    this.#haves.push(piece)
  }

  sourceClosed(reason: CloseReason): void {
    this.#swarm.sourceClosed(this, reason)
  }

  /** Our download is complete: we want nothing more (BEP 21), and go on uploading. */
  becameSeed(): void {
    if (this.#closed) return
    if (this.download?.interested) {
      this.download.interested = false
      this.send(wire.encodeFixed(wire.NOT_INTERESTED))
    }
    if (this.options.remote.extensions) this.sendExtensionHandshake()
  }

  setChoked(choked: boolean): void {
    if (this.upload === undefined || this.upload.choked === choked) return
    this.chokeChangedMs = this.#swarm.nowMs()
    if (choked) this.upload.choke()
    else this.upload.unchoke()
  }

  #begin(transfer: SwarmTransfer): void {
    const { layout } = transfer.share
    this.#decoder.pieceCount = layout.pieceCount
    if (this.pieces.bits === undefined) this.pieces.start(layout.pieceCount)
    const { pool, settings } = this.#swarm
    if (this.upload === undefined) {
      const fastSet = this.fast ? this.#swarm.fastSetOf(this) : []
      for (const piece of fastSet) this.send(wire.encodeFixed(wire.ALLOWED_FAST, piece))
      const options = { pool, queueMax: settings.queuedRequestsMax, fastSet: new Set(fastSet) }
      this.upload = new Upload(this, transfer.reader, options)
    }
    this.#endDownload()
    if (transfer.attach === undefined) return
    const reqq = this.extensions.peer.requestQueue ?? settings.requestsMax
    this.download = new Download(this, this.pieces, layout, settings.requestsMax)
    this.download.pipeline.max = Math.max(1, Math.min(settings.requestsMax, reqq))
    this.download.choked = this.#peerChokes
    this.download.attach(transfer.attach)
  }

  #endDownload(): void {
    if (this.download === undefined) return
    this.download.detach()
    this.#past.receivedBytes += this.download.receivedBytes
    this.#past.verifiedBytes += this.download.verifiedBytes
    this.#past.wastedBytes += this.download.wastedBytes
    this.download = undefined
  }

  #sendPieces({ reader }: SwarmTransfer): void {
    const { have } = reader
    if (this.fast && have.isFull) this.send(wire.encodeFixed(wire.HAVE_ALL))
    else if (have.count > 0) this.send(wire.encodeBytes(wire.BITFIELD, have.bytes))
    else if (this.fast) this.send(wire.encodeFixed(wire.HAVE_NONE))
  }

  #setPieces(pieces: Uint8Array | 'all' | 'none'): void {
    this.pieces.set(pieces)
    this.download?.setRemote()
  }

  #setPeerChokes(chokes: boolean): void {
    this.#peerChokes = chokes
    if (chokes) this.download?.choke()
    else this.download?.unchoke()
  }

  /** Pieces verified since the last time, as one write. */
  #flushHaves(): void {
    if (this.#haves.length === 0 || this.#closed) return
    const messages = this.#haves.map((piece) => wire.encodeFixed(wire.HAVE, piece))
    this.#haves = []
    this.send(concatBytes(...messages))
  }

  #checkHold(nowMs: number): void {
    const since = this.upload?.heldSinceMs
    if (since !== undefined && nowMs - since > HOLD_MS) this.setChoked(true)
  }
}
