/**
 * For tests: shares of random bytes, and transfers that live in memory.
 *
 * @module
 */
import { bytesEqual } from '../base/bytes.ts'
import type { TorrentVersion } from '../content/create.ts'
import type { Share } from '../content/share.ts'
import { layerAbove, leafLayer, pieceLayerOf, rootOf } from '../crypto/merkle.ts'
import { sha1, sha256 } from '../crypto/sha.ts'
import { type MadeShare, memoryReader, shareOf } from '../transfer/memory.fixture.ts'
import { createTransfer, type Transfer } from '../transfer/transfer.ts'
import type { SwarmTransfer } from './contract.ts'

export type ShareInput = {
  readonly version?: TorrentVersion
  readonly pieceLength?: number
  /** Lengths of the files. One file makes a single-file share. */
  readonly lengths?: readonly number[]
  readonly private?: boolean
  readonly seed?: number
}

/** A small generator (mulberry32): the same seed gives the same run. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A share of random bytes with every hash its version has. */
export function makeShare(input: ShareInput = {}): MadeShare {
  const { version = 'hybrid', pieceLength = 32_768, lengths = [300_000], seed = 1 } = input
  const fraction = seeded(seed)
  const files = lengths.map((length, i) => ({
    path: lengths.length === 1 ? 'share' : `file-${i}`,
    content: Uint8Array.from({ length }, () => fraction() * 256),
  }))
  return shareOf({ version, pieceLength, files, private: input.private ?? false })
}

/** A share that is all there. */
export const seedOf = ({ share, data }: MadeShare): SwarmTransfer => ({
  share,
  reader: memoryReader(share, data),
})

export type MemoryDownload = {
  readonly transfer: Transfer
  readonly data: Uint8Array
  readonly parts: SwarmTransfer
  /** Resolves when every piece is verified. */
  readonly complete: Promise<void>
}

/** The real transfer over an arena and a "disk" in memory; pieces are judged by their real hashes. */
export function memoryDownload(share: Share, seed = 3): MemoryDownload {
  const { layout } = share
  const data = new Uint8Array(layout.pieceCount * layout.pieceLength)
  const { promise: complete, resolve } = Promise.withResolvers<void>()
  const transfer: Transfer = createTransfer(
    { layout, nowMs: 0 },
    {
      random: { fraction: seeded(seed) },
      createArena: (bytes) => new Uint8Array(bytes),
      commit({ slot, piece }) {
        const from = slot * layout.pieceLength
        const bytes = transfer.arena.slice(from, from + layout.pieceLength)
        bytes.fill(0, layout.pieceBytes(piece))
        const ok = isRight(share, piece, bytes)
        if (ok) data.set(bytes, piece * layout.pieceLength)
        queueMicrotask(() => transfer.committed(slot, { kind: ok ? 'verified' : 'bad' }))
      },
      changed(event) {
        if (event.type === 'state' && event.state === 'complete') resolve()
      },
    },
  )
  const reader = memoryReader(share, data, transfer.have)
  const attach: NonNullable<SwarmTransfer['attach']> = (source) =>
    transfer.attach(source, { priceWeiPerMib: 0n, reputation: 500 })
  return { transfer, data, complete, parts: { share, reader, attach } }
}

function isRight(share: Share, piece: number, bytes: Uint8Array): boolean {
  const { layout } = share
  if (share.v1Pieces !== undefined) {
    const hash = sha1(bytes.subarray(0, layout.v1HashBytes(piece)))
    return bytesEqual(hash, share.v1Pieces.subarray(20 * piece, 20 * piece + 20))
  }
  const leaves = leafLayer(bytes.subarray(0, layout.pieceBytes(piece)))
  const file = layout.files.findLast(
    ({ offset, length }) => length > 0 && offset <= piece * layout.pieceLength,
  )!
  if (file.length <= layout.pieceLength)
    return bytesEqual(rootOf(leaves, 0), share.files[file.index]!.piecesRoot!)
  const inFile = piece - file.offset / layout.pieceLength
  const want = share.pieceLayers.get(file.index)!.subarray(32 * inFile, 32 * inFile + 32)
  return bytesEqual(layerAbove(leaves, { from: 0, to: pieceLayerOf(layout.pieceLength) }, sha256), want)
}
