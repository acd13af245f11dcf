/**
 * What two peers exchange: who has which pieces, who wants, who chokes, and the two halves that move the blocks.
 *
 * Source: BEP 3, BEP 6, BEP 21.
 *
 * @module
 */
import { concatBytes } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import type { BlockPool } from './block-pool.ts'
import type { SwarmSettings, SwarmTransfer } from './contract.ts'
import { Download, type DownloadCarrier } from './download.ts'
import { RemotePieces } from './remote-pieces.ts'
import { Upload, type UploadCarrier } from './upload.ts'
import * as wire from './wire.ts'

/** A tally window that stays used up this long becomes a choke on the wire; a shorter wait is only a pause. */
const HOLD_MS = 2_000

export type ExchangeCarrier = DownloadCarrier &
  UploadCarrier & {
    readonly settings: SwarmSettings
    readonly pool: BlockPool
    /** What the peer says it queues; undefined while it has not said. */
    readonly peerQueue: number | undefined
    /** BEP 6; empty where there is none. */
    fastSet(): readonly number[]
    /** The peer said whether it wants something. */
    interestTold(): void
  }

export class Exchange {
  readonly pieces = new RemotePieces()
  download: Download | undefined
  #priceWeiPerMib: bigint | undefined
  upload: Upload | undefined
  peerChokes = true
  peerInterested = false
  /** When we last choked or unchoked it. */
  chokeChangedMs: number
  readonly #carrier: ExchangeCarrier
  /** What earlier sources on this connection did: a share is set again when its download is done. */
  readonly #past = { receivedBytes: 0, verifiedBytes: 0, wastedBytes: 0 }
  #haves: number[] = []

  constructor(carrier: ExchangeCarrier) {
    this.#carrier = carrier
    this.chokeChangedMs = carrier.nowMs()
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

  get sentBytes(): number {
    return this.upload?.sentBytes ?? 0
  }

  /** What must be the first message after the handshake. */
  sendPieces(transfer: SwarmTransfer | undefined): void {
    const have = transfer?.reader.have
    const { fast } = this.#carrier
    if (fast && have?.isFull) this.#carrier.send(wire.encodeFixed(wire.HAVE_ALL))
    else if (have !== undefined && have.count > 0)
      this.#carrier.send(wire.encodeBytes(wire.BITFIELD, have.bytes))
    else if (fast) this.#carrier.send(wire.encodeFixed(wire.HAVE_NONE))
  }

  /** The share became known after `sendPieces`: what we have of it must be told piece by piece. */
  tellLate({ share, reader }: SwarmTransfer): void {
    for (let piece = 0; piece < share.layout.pieceCount; piece++) {
      if (reader.have.has(piece)) this.#haves.push(piece)
    }
  }

  /** @throws {DecodeError} for what the peer said before the piece count was known and cannot be. */
  begin(transfer: SwarmTransfer): void {
    const { layout } = transfer.share
    const { settings, pool, fast } = this.#carrier
    if (this.pieces.bits === undefined) this.pieces.start(layout.pieceCount)
    if (this.upload === undefined) {
      const fastSet = fast ? this.#carrier.fastSet() : []
      for (const piece of fastSet) this.#carrier.send(wire.encodeFixed(wire.ALLOWED_FAST, piece))
      const options = { pool, queueMax: settings.queuedRequestsMax, fastSet: new Set(fastSet) }
      this.upload = new Upload(this.#carrier, transfer.reader, options)
    }
    this.#endDownload()
    if (transfer.attach === undefined) return
    this.download = new Download(this.#carrier, this.pieces, layout, settings.requestsMax)
    this.limitRequests()
    this.download.choked = this.peerChokes
    this.download.attach(transfer.attach)
    this.download.priceWeiPerMib = this.#priceWeiPerMib
  }

  /** Agreed for the life of the connection; a later source on it costs the same. */
  priceAgreed(priceWeiPerMib: bigint): void {
    this.#priceWeiPerMib = priceWeiPerMib
    if (this.download !== undefined) this.download.priceWeiPerMib = priceWeiPerMib
  }

  /** Follows the peer's `reqq`. */
  limitRequests(): void {
    if (this.download === undefined) return
    const { requestsMax } = this.#carrier.settings
    this.download.pipeline.max = Math.max(1, Math.min(requestsMax, this.#carrier.peerQueue ?? requestsMax))
  }

  /** Our download is complete: we want nothing more. */
  becameSeed(): void {
    if (!this.download?.interested) return
    this.download.interested = false
    this.#carrier.send(wire.encodeFixed(wire.NOT_INTERESTED))
  }

  pieceVerified(piece: number): void {
    this.#haves.push(piece)
  }

  /** Pieces verified since the last time, as one write. */
  flushHaves(): void {
    if (this.#haves.length === 0) return
    const messages = this.#haves.map((piece) => wire.encodeFixed(wire.HAVE, piece))
    this.#haves = []
    this.#carrier.send(concatBytes(...messages))
  }

  setChoked(choked: boolean): void {
    if (this.upload === undefined || this.upload.choked === choked) return
    this.chokeChangedMs = this.#carrier.nowMs()
    if (choked) this.upload.choke()
    else this.upload.unchoke()
  }

  /** Between two chunks: new pieces told, blocks asked for, requests answered. */
  pump(): void {
    this.flushHaves()
    this.download?.pump()
    this.upload?.pump()
  }

  /** About once a second. */
  measure(elapsedMs: number): void {
    this.download?.measure(elapsedMs)
    this.upload?.rate.tick(elapsedMs)
  }

  tick(nowMs: number): void {
    this.flushHaves()
    this.download?.tick(nowMs)
    const held = this.upload?.heldSinceMs
    if (held !== undefined && nowMs - held > HOLD_MS) this.setChoked(true)
  }

  close(): void {
    this.download?.detach()
    this.upload?.close()
  }

  // What the wire says. All throw DecodeError for what ends the connection.

  request(piece: number, begin: number, length: number): void {
    if (this.upload === undefined) throw new DecodeError('EARLY_REQUEST', 'a request, but we have nothing')
    this.upload.request(piece, begin, length)
  }

  blockBegin(piece: number, begin: number, length: number): void {
    if (this.download === undefined)
      throw new DecodeError('UNREQUESTED_BLOCK', 'a block, but nothing was asked')
    this.download.blockBegin(piece, begin, length)
  }

  message(message: wire.ExchangeMessage): void {
    switch (message.type) {
      case 'choke':
      case 'unchoke':
        this.#choke(message.type === 'choke')
        break
      case 'interested':
      case 'not-interested':
        this.peerInterested = message.type === 'interested'
        this.#carrier.interestTold()
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
      default:
        this.#fastMessage(message)
    }
  }

  /** BEP 6: any of these without the extension ends the connection. */
  #fastMessage(message: wire.FastMessage): void {
    if (!this.#carrier.fast) throw new DecodeError('NOT_FAST', `${message.type} without the fast extension`)
    if (message.type === 'have-all') this.#setPieces('all')
    else if (message.type === 'have-none') this.#setPieces('none')
    else if (message.type === 'reject') this.download?.reject(message.piece, message.begin)
    // Suggestions are advice, and the transfer alone decides what is asked of whom.
  }

  #choke(chokes: boolean): void {
    this.peerChokes = chokes
    if (chokes) this.download?.choke()
    else this.download?.unchoke()
  }

  #setPieces(pieces: Uint8Array | 'all' | 'none'): void {
    this.pieces.set(pieces)
    this.download?.setRemote()
  }

  #endDownload(): void {
    if (this.download === undefined) return
    this.download.detach()
    this.#past.receivedBytes += this.download.receivedBytes
    this.#past.verifiedBytes += this.download.verifiedBytes
    this.#past.wastedBytes += this.download.wastedBytes
    this.download = undefined
  }
}
