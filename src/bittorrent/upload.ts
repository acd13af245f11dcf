/**
 * The uploading half of a session: a bounded queue of requests, answered in runs. A run of adjacent requests is one
 * read into one pooled buffer, with the headers laid between the blocks, and one write.
 *
 * Source: BEP 3, BEP 6 (every request gets one answer). Pad bytes (BEP 47) are served as zeros and never counted.
 *
 * @module
 */
import { DecodeError } from '../base/errors.ts'
import type { Layout } from '../content/layout.ts'
import { Rate } from '../transfer/rate.ts'
import type { ShareReader } from '../transfer/reader.ts'
import { type BlockPool, LARGE_RUN_BLOCKS, type RunBuffer, SMALL_RUN_BLOCKS } from './block-pool.ts'
import { type Run, viewsOf } from './run.ts'
import type { TallyChannel } from './tally-channel.ts'
import * as wire from './wire.ts'

/** Reads and writes under way for one peer. */
const RUNS_MAX = 4
/** A run that leaves within this was too small; one that takes longer than `SLOW_MS` too large. */
const QUICK_MS = 100
const SLOW_MS = 1_000
/** Requests above the queue's bound, or while choked, before the connection ends: as a multiple of that bound. */
const EXCESS_FACTOR = 4

/** What the upload needs of its connection. */
export type UploadCarrier = {
  readonly fast: boolean
  nowMs(): number
  send(bytes: Uint8Array, onSent?: () => void): void
  /** False while too much waits in the socket. */
  readonly writable: boolean
  close(code: string): void
  readonly tally: Pick<TallyChannel, 'maySend' | 'sent'>
}

export class Upload {
  readonly rate = new Rate()
  /** Payload without padding. */
  sentBytes = 0
  choked = true
  /** The tally's window is used up since then; undefined while it is open. */
  heldSinceMs: number | undefined
  readonly #carrier: UploadCarrier
  readonly #reader: ShareReader
  readonly #layout: Layout
  readonly #pool: BlockPool
  readonly #queueMax: number
  readonly #fastSet: ReadonlySet<number>
  /** (piece, begin, length) triples from `#at` on; length 0 was cancelled. */
  #queue: number[] = []
  #at = 0
  #live = 0
  #excess = 0
  /** In the order of the requests; sent when ready and first. */
  #runs: Run[] = []
  #underWay = 0
  /** Read but not sent yet: the tally does not know of them. */
  #unsentBytes = 0
  #runBlocksMax = SMALL_RUN_BLOCKS
  #closed = false

  constructor(
    carrier: UploadCarrier,
    reader: ShareReader,
    options: {
      readonly pool: BlockPool
      readonly queueMax: number
      /** Pieces served also while choked (BEP 6). */
      readonly fastSet: ReadonlySet<number>
    },
  ) {
    this.#carrier = carrier
    this.#reader = reader
    this.#layout = reader.share.layout
    this.#pool = options.pool
    this.#queueMax = options.queueMax
    this.#fastSet = options.fastSet
  }

  get queued(): number {
    return this.#live
  }

  /** @throws {DecodeError<'BAD_REQUEST' | 'REQUEST_FLOOD'>} */
  request(piece: number, begin: number, length: number): void {
    this.#checkRange(piece, begin, length)
    if (this.#queue.length >= 6 * this.#queueMax) this.#compact()
    const full = this.#live >= this.#queueMax
    const refused = this.choked && !this.#fastSet.has(piece)
    if (full || refused) {
      if (++this.#excess > EXCESS_FACTOR * this.#queueMax) {
        throw new DecodeError('REQUEST_FLOOD', 'the peer keeps asking for more than it may')
      }
    }
    if (full || refused || !this.#reader.have.has(piece)) {
      this.#reject([piece, begin, length])
      return
    }
    this.#queue.push(piece, begin, length)
    this.#live++
  }

  cancel(piece: number, begin: number, length: number): void {
    const queue = this.#queue
    for (let i = this.#at; i < queue.length; i += 3) {
      if (queue[i] !== piece || queue[i + 1] !== begin || queue[i + 2] !== length) continue
      queue[i + 2] = 0
      this.#live--
      this.#reject([piece, begin, length])
      return
    }
  }

  /** Says so; then, with the fast extension, rejects what will not be answered (BEP 6 wants this order). */
  choke(): void {
    this.choked = true
    this.#carrier.send(wire.encodeFixed(wire.CHOKE))
    this.#compact()
    const queue = this.#queue
    const rejected: number[] = []
    this.#clearQueue()
    for (let i = 0; i < queue.length; i += 3) {
      const kept = this.#carrier.fast && this.#fastSet.has(queue[i]!)
      ;(kept ? this.#queue : rejected).push(queue[i]!, queue[i + 1]!, queue[i + 2]!)
    }
    this.#live = this.#queue.length / 3
    this.#reject(rejected)
  }

  unchoke(): void {
    this.choked = false
    this.heldSinceMs = undefined
    this.#excess = 0
    this.#carrier.send(wire.encodeFixed(wire.UNCHOKE))
  }

  /** Starts as many reads as may be under way. */
  pump(): void {
    while (!this.#closed && this.#underWay < RUNS_MAX && this.#live > 0 && this.#carrier.writable) {
      while (this.#queue[this.#at + 2] === 0) this.#at += 3
      if (!this.#carrier.tally.maySend(this.#unsentBytes + this.#queue[this.#at + 2]!)) {
        this.heldSinceMs ??= this.#carrier.nowMs()
        return
      }
      this.heldSinceMs = undefined
      this.#start(this.#takeRun())
    }
  }

  close(): void {
    this.#closed = true
    this.#clearQueue()
  }

  #start(run: Run): void {
    this.#underWay++
    this.#runs.push(run)
    this.#reader.read(run.blocks[0]!, run.blocks[1]!, viewsOf(run)).then(
      () => {
        run.ready = true
        this.#flush()
      },
      () => {
        this.#runs.splice(this.#runs.indexOf(run), 1)
        this.#unsentBytes -= run.payload
        this.#finish(run)
        if (this.#closed) return
        if (this.#carrier.fast) this.#reject(run.blocks)
        else this.#carrier.close('READ_FAILED')
        this.#flush()
      },
    )
  }

  #flush(): void {
    while (this.#runs[0]?.ready) {
      const run = this.#runs.shift()!
      this.#unsentBytes -= run.payload
      if (this.#closed) this.#finish(run)
      else this.#sendRun(run)
    }
  }

  #sendRun(run: Run): void {
    const sentMs = this.#carrier.nowMs()
    this.#account(run)
    this.#carrier.send(run.buffer.bytes.subarray(0, run.bytes), () => {
      this.#adapt(this.#carrier.nowMs() - sentMs)
      this.#finish(run)
      this.pump()
    })
  }

  #finish(run: Run): void {
    this.#underWay--
    this.#pool.give(run.buffer)
  }

  #adapt(tookMs: number): void {
    if (tookMs < QUICK_MS) this.#runBlocksMax = Math.min(LARGE_RUN_BLOCKS, 2 * this.#runBlocksMax)
    else if (tookMs > SLOW_MS) this.#runBlocksMax = Math.max(1, this.#runBlocksMax >>> 1)
  }

  /** Per piece, not per block. */
  #account({ blocks }: Run): void {
    for (let i = 0; i < blocks.length; ) {
      const piece = blocks[i]!
      const begin = blocks[i + 1]!
      let length = 0
      for (; i < blocks.length && blocks[i] === piece; i += 3) length += blocks[i + 2]!
      const payloadBytes = this.#layout.payloadBytesIn(piece, begin, length)
      this.sentBytes += payloadBytes
      this.rate.add(payloadBytes)
      this.#carrier.tally.sent(piece, begin, length, payloadBytes)
    }
  }

  /** Joins requests that follow each other in piece space, as far as buffer, tally and our read-ahead go. */
  #takeRun(): Run {
    const buffer = this.#takeBuffer()
    const { pieceLength } = this.#layout
    const blocks: number[] = []
    let bytes = 0
    let payload = 0
    let next = -1
    while (
      this.#at < this.#queue.length &&
      blocks.length < 3 * Math.min(this.#runBlocksMax, LARGE_RUN_BLOCKS)
    ) {
      const piece = this.#queue[this.#at]!
      const begin = this.#queue[this.#at + 1]!
      const length = this.#queue[this.#at + 2]!
      if (length === 0) {
        this.#at += 3
        continue
      }
      const start = piece * pieceLength + begin
      const fits = bytes + wire.PIECE_HEADER_BYTES + length <= buffer.bytes.length
      if (blocks.length > 0) {
        if (start !== next || !fits || !this.#carrier.tally.maySend(this.#unsentBytes + payload + length))
          break
      }
      wire.writePieceHeader(buffer.bytes, bytes, [piece, begin, length])
      blocks.push(piece, begin, length)
      bytes += wire.PIECE_HEADER_BYTES + length
      payload += length
      next = start + length
      this.#at += 3
      this.#live--
    }
    if (this.#at >= this.#queue.length) this.#clearQueue()
    this.#unsentBytes += payload
    return { buffer, blocks, bytes, payload, ready: false }
  }

  /** A request longer than a small buffer (other clients' habit) gets one of its own, which the pool then drops. */
  #takeBuffer(): RunBuffer {
    const buffer = this.#pool.take(Math.min(this.#runBlocksMax, this.#live))
    const first = wire.PIECE_HEADER_BYTES + this.#queue[this.#at + 2]!
    if (first <= buffer.bytes.length) return buffer
    this.#pool.give(buffer)
    return { bytes: new Uint8Array(first), views: [] }
  }

  /** Drops what was answered or cancelled from the front of the memory. */
  #compact(): void {
    const queue = this.#queue
    const kept: number[] = []
    for (let i = this.#at; i < queue.length; i += 3) {
      if (queue[i + 2] !== 0) kept.push(queue[i]!, queue[i + 1]!, queue[i + 2]!)
    }
    this.#queue = kept
    this.#at = 0
  }

  #clearQueue(): void {
    this.#queue = []
    this.#at = 0
    this.#live = 0
  }

  #checkRange(piece: number, begin: number, length: number): void {
    if (piece < this.#layout.pieceCount && length > 0 && length <= wire.WIRE_BLOCK_BYTES_MAX) {
      // Plain clients ask for the padding too; libtorrent, in v2-only shares, also behind the last file.
      const { version } = this.#reader.share
      const end = version === 'v1' ? this.#layout.v1HashBytes(piece) : this.#layout.pieceLength
      if (begin + length <= end) return
    }
    throw new DecodeError('BAD_REQUEST', 'a request lies outside its piece or is too long', {
      details: { piece, begin, length },
    })
  }

  #reject(blocks: readonly number[]): void {
    if (!this.#carrier.fast || blocks.length === 0) return
    this.#carrier.send(wire.encodeTriples(wire.REJECT, Int32Array.from(blocks), blocks.length / 3))
  }
}
