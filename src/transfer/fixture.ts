/**
 * For tests: true data, sources that deliver it (or lie, stall, die) by script, and a seeded world without a disk.
 *
 * @module
 */
import { bytesEqual } from '../base/bytes.ts'
import { BLOCK_BYTES, Layout } from '../content/layout.ts'
import { Bitfield } from './bitfield.ts'
import type { CommitOrder, CommitOutcome, TransferEvent, TransferSettings } from './core.ts'
import type { CloseReason, Source, SourcePort } from './source.ts'
import { createTransfer, type Transfer } from './transfer.ts'
import { BLOCK_DIGEST_BYTES } from './trials.ts'

/** A small fast generator (xorshift32): the same seed gives the same run. */
export function seeded(seed: number): () => number {
  let x = (seed | 0) === 0 ? 0x9e3779b9 : seed | 0
  return () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) / 2 ** 32
  }
}

/** A layout of one file, or of several with padding up to each piece when `padded`. */
export function layoutOf(pieceLength: number, lengths: readonly number[], padded = false): Layout {
  let offset = 0
  let end = 0
  const files = lengths.map((length, index) => {
    const file = { index, path: `file-${index}`, length, offset }
    end = offset + length
    offset = padded ? Math.ceil(end / pieceLength) * pieceLength : end
    return file
  })
  return new Layout({ pieceLength, files, totalLength: end })
}

const made = new WeakMap<Layout, Uint8Array>()

/** Bytes of the whole piece space; pad bytes are zeros. Made once for a layout. */
export function dataOf(layout: Layout): Uint8Array {
  const known = made.get(layout)
  if (known !== undefined) return known
  const random = seeded(1)
  const data = new Uint8Array(layout.pieceCount * layout.pieceLength)
  for (const { offset, length } of layout.files) {
    for (let i = 0; i < length; i++) data[offset + i] = Math.floor(random() * 256)
  }
  made.set(layout, data)
  return data
}

export type Script = {
  readonly label: string
  readonly have?: readonly number[]
  readonly priceWeiPerMib?: bigint
  readonly reputation?: number
  /** Requests outstanding, and blocks delivered a step. */
  readonly depth?: number
  readonly blocksPerStep?: number
  /** Whether the bytes of this block are false. */
  readonly lies?: (piece: number, begin: number) => boolean
  /** Steps after which it says nothing more, or leaves. */
  readonly silentAfter?: number
  readonly diesAfter?: number
}

type Block = readonly [piece: number, begin: number, length: number]

/** Delivers from memory what it is asked for, in order, some blocks a step. */
export class MemorySource implements Source {
  readonly protocol = 'http'
  readonly label: string
  readonly script: Script
  port!: SourcePort
  readonly queue: Block[] = []
  readonly asked: Block[] = []
  readonly cancelled: Block[] = []
  readonly closed: CloseReason[] = []
  verifiedBytes = 0
  wastedBytes = 0
  late = 0
  #steps = 0
  readonly #data: Uint8Array
  readonly #layout: Layout
  readonly #triples = new Int32Array(3 * 64)

  constructor(script: Script, layout: Layout, data: Uint8Array) {
    this.script = script
    this.label = script.label
    this.#layout = layout
    this.#data = data
  }

  attach(transfer: Transfer): this {
    const { priceWeiPerMib = 0n, reputation = 500, have } = this.script
    this.port = transfer.attach(this, { priceWeiPerMib, reputation })
    if (have === undefined) this.port.setHaveAll()
    else {
      const bits = new Bitfield(this.#layout.pieceCount)
      for (const piece of have) bits.set(piece)
      this.port.setHave(bits)
    }
    this.port.setReady(true)
    return this
  }

  step(): void {
    if (this.closed.length > 0) return
    this.#steps++
    if (this.#steps > (this.script.diesAfter ?? Number.POSITIVE_INFINITY)) {
      this.queue.length = 0
      this.port.detach()
      return
    }
    this.wake()
    if (this.#steps > (this.script.silentAfter ?? Number.POSITIVE_INFINITY)) return
    for (let i = this.script.blocksPerStep ?? 4; i > 0 && this.queue.length > 0; i--)
      this.#deliver(this.queue.shift()!)
    this.wake()
  }

  #deliver([piece, begin, length]: Block): void {
    const offset = this.port.place(piece, begin, length)
    if (offset === -1) {
      this.late++
      return
    }
    const from = piece * this.#layout.pieceLength + begin
    this.port.arena.set(this.#data.subarray(from, from + length), offset)
    if (this.script.lies?.(piece, begin)) this.port.arena[offset]! ^= 0xff
    this.port.received(piece, begin, length)
  }

  wake(): void {
    const room = Math.min(64, (this.script.depth ?? 8) - this.queue.length)
    if (room <= 0 || this.closed.length > 0) return
    const count = this.port.pick(this.#triples, room)
    for (let i = 0; i < count; i++) {
      const block: Block = [this.#triples[3 * i]!, this.#triples[3 * i + 1]!, this.#triples[3 * i + 2]!]
      this.queue.push(block)
      this.asked.push(block)
    }
  }

  cancel(piece: number, begin: number, length: number): void {
    this.cancelled.push([piece, begin, length])
    const at = this.queue.findIndex((block) => block[0] === piece && block[1] === begin)
    if (at !== -1) this.queue.splice(at, 1)
  }

  verified(_piece: number, _begin: number, _length: number, payloadBytes: number): void {
    this.verifiedBytes += payloadBytes
  }

  wasted(_piece: number, _begin: number, length: number): void {
    this.wastedBytes += length
  }

  pieceVerified(): void {}

  close(reason: CloseReason): void {
    this.closed.push(reason)
    this.queue.length = 0
  }
}

export type Swarm = {
  readonly transfer: Transfer
  readonly sources: MemorySource[]
  readonly events: TransferEvent[]
  /** What was "written", by piece. */
  readonly written: Map<number, Uint8Array>
  /** Replaces how a full slot is judged, e.g. by a full disk. */
  judge: (order: CommitOrder) => CommitOutcome
  add(script: Script): MemorySource
  /** Steps every source, judges full slots, moves time by 250 ms. Returns the steps used. */
  run(stepsMax: number, until?: () => boolean): number
}

/** Not a hash, but it tells blocks apart: enough where nobody looks for collisions. */
function blockDigests(bytes: Uint8Array): Uint8Array {
  const digests = new Uint8Array(Math.ceil(bytes.length / BLOCK_BYTES) * BLOCK_DIGEST_BYTES)
  for (let i = 0; i < bytes.length; i++) {
    const at = Math.floor(i / BLOCK_BYTES) * BLOCK_DIGEST_BYTES + (i % BLOCK_DIGEST_BYTES)
    digests[at] = (digests[at]! * 31 + bytes[i]!) & 0xff
  }
  return digests
}

export function createSwarm(
  layout: Layout,
  options: Omit<TransferSettings, 'layout' | 'nowMs'> & { seed?: number } = {},
): Swarm {
  const data = dataOf(layout)
  const orders: CommitOrder[] = []
  const events: TransferEvent[] = []
  const written = new Map<number, Uint8Array>()
  const sources: MemorySource[] = []
  let nowMs = 1_000
  const { seed = 7, ...settings } = options
  const transfer = createTransfer(
    { layout, nowMs, ...settings },
    {
      random: { fraction: seeded(seed) },
      createArena: (bytes) => new Uint8Array(bytes),
      commit: (order) => orders.push(order),
      changed: (event) => events.push(event),
    },
  )
  const slotBytes = ({ slot, piece }: CommitOrder): Uint8Array =>
    transfer.arena.subarray(slot * layout.pieceLength, slot * layout.pieceLength + layout.pieceBytes(piece))
  const swarm: Swarm = {
    transfer,
    sources,
    events,
    written,
    judge(order) {
      const bytes = slotBytes(order)
      const start = order.piece * layout.pieceLength
      const ok = bytesEqual(bytes, data.subarray(start, start + bytes.length))
      if (ok) written.set(order.piece, bytes.slice())
      return {
        kind: ok ? 'verified' : 'bad',
        ...(order.blockDigests ? { blockDigests: blockDigests(bytes) } : {}),
      }
    },
    add(script) {
      const source = new MemorySource(script, layout, data)
      sources.push(source)
      return source.attach(transfer)
    },
    run(stepsMax, until = () => transfer.status().state === 'complete') {
      for (let step = 0; step < stepsMax; step++) {
        if (until()) return step
        for (const source of [...sources]) source.step()
        for (const order of orders.splice(0)) transfer.committed(order.slot, swarm.judge(order))
        nowMs += 250
        transfer.tick(nowMs)
      }
      return stepsMax
    },
  }
  return swarm
}
