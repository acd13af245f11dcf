/**
 * The downloading half of a session: one `Source` of a transfer. Keeps the right number of requests under way, puts
 * each block straight into the arena, and gives back what the peer does not answer.
 *
 * Source: BEP 3, BEP 6 (reject). Pure: time comes with each call.
 *
 * @module
 */
import { BLOCK_BYTES, type Layout } from '../content/layout.ts'
import { Rate } from '../transfer/rate.ts'
import type { CloseReason, Source, SourcePort } from '../transfer/source.ts'
import type { SourceAttacher } from './contract.ts'
import { PipelineDepth } from './pipeline.ts'
import type { RemotePieces } from './remote-pieces.ts'
import { RequestLedger } from './request-ledger.ts'
import type { TallyChannel } from './tally-channel.ts'
import * as wire from './wire.ts'

/** No block for this long while requests are under way: the peer snubs us. */
export const SNUB_MS = 20_000
/** One request older than this while others are answered is given up. */
const REQUEST_MS = 60_000
/** Snubs in a row, each with one request more, before the connection ends. */
const SNUBS_MAX = 3
/** Rejects of a piece it claimed, while unchoked, before we stop believing it has it. */
const PIECE_REJECTS_MAX = 3
/** Rejects in a row, without a block between, before the connection ends. */
const REJECTS_MAX = 512
/** Ask again when this much room has come up, so that requests travel in batches. */
const BATCH = 32

/** What the download needs of its connection. */
export type DownloadCarrier = {
  readonly label: string
  readonly fast: boolean
  nowMs(): number
  send(bytes: Uint8Array): void
  /** Ends the connection; `code` is counted. */
  close(code: string): void
  /** The transfer is done with this source. */
  sourceClosed(reason: CloseReason): void
  pieceVerified(piece: number): void
  readonly tally: Pick<TallyChannel, 'verified' | 'wasted'>
}

export class Download implements Source {
  readonly protocol = 'bittorrent'
  readonly label: string
  readonly rate = new Rate()
  /** Payload bytes that arrived where they were wanted, padding included. */
  receivedBytes = 0
  readonly pipeline: PipelineDepth
  interested = false
  choked = true
  snubbed = false
  verifiedBytes = 0
  wastedBytes = 0
  readonly #carrier: DownloadCarrier
  readonly #remote: RemotePieces
  readonly #layout: Layout
  readonly #asked: RequestLedger
  #port: SourcePort | undefined
  #snubs = 0
  #rejectsInARow = 0
  readonly #pieceRejects = new Map<number, number>()
  #lastBlockMs = 0
  #picks: Int32Array
  /** Where the block that is arriving goes; -1: nowhere. */
  #target = -1
  #block = { piece: 0, begin: 0, length: 0 }
  #busy = false
  #closed = false

  constructor(carrier: DownloadCarrier, remote: RemotePieces, layout: Layout, requestsMax: number) {
    this.#carrier = carrier
    this.#remote = remote
    this.#layout = layout
    this.label = carrier.label
    this.pipeline = new PipelineDepth(requestsMax)
    this.#asked = new RequestLedger(layout)
    this.#picks = new Int32Array(3 * requestsMax)
  }

  get outstanding(): number {
    return this.#asked.size
  }

  attach(attacher: SourceAttacher): void {
    const port = attacher(this)
    if (this.#closed) {
      port.detach()
      return
    }
    this.#port = port
    this.setRemote()
    port.setReady(!this.choked)
    this.pump()
  }

  set priceWeiPerMib(price: bigint | undefined) {
    if (price !== undefined) this.#port?.setTerms({ priceWeiPerMib: price })
  }

  detach(): void {
    const port = this.#port
    this.#port = undefined
    this.#target = -1
    this.#asked.giveUpAll()
    port?.detach()
  }

  // What the wire says.

  setRemote(): void {
    if (this.#remote.isSeed) this.#port?.setHaveAll()
    else this.#port?.setHave(this.#remote.bits!)
  }

  have(piece: number): void {
    this.#port?.have(piece)
  }

  unchoke(): void {
    this.choked = false
    this.#port?.setReady(true)
  }

  /** Without the fast extension a choke drops all requests; with it each is answered by a block or a reject. */
  choke(): void {
    this.choked = true
    this.#port?.setReady(false)
    if (!this.#carrier.fast) this.#giveUpAll()
  }

  reject(piece: number, begin: number): void {
    if (this.#asked.answered(piece, begin, 'UNREQUESTED_REJECT') === undefined) return
    this.#port?.release(piece, begin, this.#asked.lengthOf(piece, begin))
    if (this.choked) return
    if (++this.#rejectsInARow > REJECTS_MAX) this.#carrier.close('LYING_BITFIELD')
    const rejects = (this.#pieceRejects.get(piece) ?? 0) + 1
    this.#pieceRejects.set(piece, rejects)
    if (rejects < PIECE_REJECTS_MAX || !this.#remote.bits!.clear(piece)) return
    this.#port?.setHave(this.#remote.bits!)
  }

  blockBegin(piece: number, begin: number, length: number): void {
    this.#target = -1
    const askedMs = this.#asked.answered(piece, begin, 'UNREQUESTED_BLOCK')
    if (askedMs === undefined) return
    this.#target = this.#port?.place(piece, begin, length) ?? -1
    if (this.#target < 0) return
    this.#block.piece = piece
    this.#block.begin = begin
    this.#block.length = length
    this.pipeline.blockArrived(this.#carrier.nowMs() - askedMs)
  }

  blockBytes(chunk: Uint8Array, from: number, to: number): void {
    if (this.#target < 0) return
    this.#port!.arena.set(chunk.subarray(from, to), this.#target)
    this.#target += to - from
  }

  blockEnd(): void {
    if (this.#target < 0) return
    this.#target = -1
    this.#lastBlockMs = this.#carrier.nowMs()
    this.#rejectsInARow = 0
    this.#snubs = 0
    if (this.snubbed) {
      this.snubbed = false
      this.pipeline.recovered()
    }
    const { piece, begin, length } = this.#block
    this.receivedBytes += length
    this.rate.add(length)
    this.#port!.received(piece, begin, length)
  }

  // What the transfer says.

  wake(): void {
    if (!this.#busy) this.pump()
  }

  cancel(piece: number, begin: number, length: number): void {
    const { piece: p, begin: b } = this.#block
    if (this.#target >= 0 && p === piece && b === begin) this.#target = -1
    if (!this.#asked.giveUp(piece, begin)) return
    this.#carrier.send(wire.encodeFixed(wire.CANCEL, piece, begin, length))
  }

  verified(piece: number, begin: number, length: number, payloadBytes: number): void {
    this.verifiedBytes += payloadBytes
    this.#carrier.tally.verified(piece, begin, length, payloadBytes)
  }

  wasted(piece: number, begin: number, length: number): void {
    const payloadBytes = this.#layout.payloadBytesIn(piece, begin, length)
    this.wastedBytes += payloadBytes
    this.#carrier.tally.wasted(payloadBytes)
  }

  pieceVerified(piece: number): void {
    this.#carrier.pieceVerified(piece)
  }

  close(reason: CloseReason): void {
    this.#closed = true
    this.detach()
    this.#carrier.sourceClosed(reason)
  }

  // What we do.

  /** While true, `wake` is left to the end of the chunk: one batch of requests per received chunk. */
  setBusy(busy: boolean): void {
    this.#busy = busy
  }

  /** Tells interest and asks for as many blocks as there is room for. */
  pump(): void {
    const port = this.#port
    if (port === undefined) return
    this.#tellInterest(port.interesting)
    const depth = this.pipeline.depth
    const room = depth - this.#asked.size
    if (this.choked || room < Math.min(BATCH, Math.ceil(depth / 2))) return
    const count = port.pick(this.#picks, room)
    if (count === 0) return
    const nowMs = this.#carrier.nowMs()
    if (this.#asked.size === 0) this.#lastBlockMs = nowMs
    for (let i = 0; i < count; i++) {
      this.#asked.add(this.#picks[3 * i]!, this.#picks[3 * i + 1]!, nowMs)
    }
    this.#carrier.send(wire.encodeTriples(wire.REQUEST, this.#picks, count))
  }

  /** About once a second. */
  measure(elapsedMs: number): void {
    this.rate.tick(elapsedMs)
    if (this.#asked.size > 0 && !this.snubbed) this.pipeline.measured(this.rate.bytesPerS)
  }

  tick(nowMs: number): void {
    if (this.#asked.size > 0) this.#checkTimes(nowMs)
    this.pump()
  }

  #checkTimes(nowMs: number): void {
    if (nowMs - this.#lastBlockMs > SNUB_MS) {
      this.#giveUpAll()
      this.snubbed = true
      this.pipeline.snubbed()
      if (++this.#snubs > SNUBS_MAX) this.#carrier.close('NO_ANSWER')
      return
    }
    const { piece, begin, length, askedMs } = this.#asked.oldest()
    const drainMs = (2_000 * BLOCK_BYTES * this.#asked.size) / Math.max(1, this.rate.bytesPerS)
    if (nowMs - askedMs < Math.max(REQUEST_MS, drainMs)) return
    this.#asked.giveUp(piece, begin)
    this.#port?.release(piece, begin, length)
  }

  #tellInterest(interested: boolean): void {
    if (interested === this.interested) return
    this.interested = interested
    this.#carrier.send(wire.encodeFixed(interested ? wire.INTERESTED : wire.NOT_INTERESTED))
  }

  #giveUpAll(): void {
    this.#asked.giveUpAll()
    this.#target = -1
    this.#port?.releaseAll()
  }
}
