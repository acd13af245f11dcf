/**
 * For tests: real shares, readers and transfers that live in memory.
 *
 * @module
 */
import { bytesEqual } from '../base/bytes.ts'
import { createTorrent, type HashedFile, layoutFor, type TorrentVersion } from '../content/create.ts'
import type { Layout } from '../content/layout.ts'
import type { Share } from '../content/share.ts'
import { layerAbove, leafLayer, pieceLayerOf, rootOf } from '../crypto/merkle.ts'
import { sha1, sha256 } from '../crypto/sha.ts'
import { Bitfield } from '../transfer/bitfield.ts'
import type { ShareReader } from '../transfer/reader.ts'
import { createTransfer, type Transfer } from '../transfer/transfer.ts'
import type { SwarmTransfer } from './contract.ts'

export type MadeShare = {
  readonly share: Share
  readonly torrentBytes: Uint8Array
  /** The whole piece space. */
  readonly data: Uint8Array
}

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

/** Bytes of the whole piece space; pad bytes are zeros. */
function dataOf(layout: Layout, seed: number): Uint8Array {
  const fraction = seeded(seed)
  const data = new Uint8Array(layout.pieceCount * layout.pieceLength)
  for (const { offset, length } of layout.files) {
    for (let i = 0; i < length; i++) data[offset + i] = fraction() * 256
  }
  return data
}

/** A share of random bytes with every hash its version has. */
export function makeShare(input: ShareInput = {}): MadeShare {
  const { version = 'hybrid', pieceLength = 32_768, lengths = [300_000], seed = 1 } = input
  const singleFile = lengths.length === 1
  const sized = lengths.map((length, i) => ({ path: singleFile ? 'share' : `file-${i}`, length }))
  const layout = layoutFor(version, pieceLength, sized)
  const data = dataOf(layout, seed)
  const files = sized.map((file, i) => ({ ...file, ...treeOf(layout, data, i) }))
  const v1Pieces = version === 'v2' ? {} : { v1Pieces: v1PiecesOf(layout, data) }
  const isPrivate = input.private ? { private: true } : {}
  const torrent = { name: 'share', singleFile, version, pieceLength, files, ...v1Pieces, ...isPrivate }
  return { ...createTorrent(torrent), data }
}

function treeOf(layout: Layout, data: Uint8Array, index: number): Partial<HashedFile> {
  const { offset, length } = layout.files[index]!
  if (length === 0 || offset % layout.pieceLength !== 0) return {}
  const leaves = leafLayer(data.subarray(offset, offset + length))
  const root = { piecesRoot: rootOf(leaves, 0) }
  if (length <= layout.pieceLength) return root
  return { ...root, pieceLayer: layerAbove(leaves, { from: 0, to: pieceLayerOf(layout.pieceLength) }) }
}

function v1PiecesOf(layout: Layout, data: Uint8Array): Uint8Array {
  const hashes = new Uint8Array(20 * layout.pieceCount)
  for (let piece = 0; piece < layout.pieceCount; piece++) {
    const start = piece * layout.pieceLength
    hashes.set(sha1(data.subarray(start, start + layout.v1HashBytes(piece))), 20 * piece)
  }
  return hashes
}

/** Reads from memory; `have` is live. */
export function memoryReader(share: Share, data: Uint8Array, have: Bitfield): ShareReader {
  const { layout } = share
  return {
    share,
    have,
    read(piece, begin, views) {
      let at = piece * layout.pieceLength + begin
      for (const view of views) {
        view.set(data.subarray(at, at + view.length))
        at += view.length
      }
      return Promise.resolve()
    },
    readFile(file, offset, into) {
      const start = layout.files[file]!.offset + offset
      into.set(data.subarray(start, start + into.length))
      return Promise.resolve()
    },
    leafHashes(piece) {
      const start = piece * layout.pieceLength
      return Promise.resolve(leafLayer(data.subarray(start, start + layout.pieceBytes(piece))))
    },
  }
}

/** A share that is all there. */
export const seedOf = ({ share, data }: MadeShare): SwarmTransfer => ({
  share,
  reader: memoryReader(share, data, Bitfield.full(share.layout.pieceCount)),
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
