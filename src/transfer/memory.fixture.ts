/**
 * For tests: real shares whose data is in memory: every hash their version has, and a reader.
 *
 * @module
 */
import { CodedError } from '../base/errors.ts'
import { cid } from '../base/ids.ts'
import { createTorrent, type HashedFile, layoutFor, type TorrentVersion } from '../content/create.ts'
import type { Layout } from '../content/layout.ts'
import type { Share } from '../content/share.ts'
import { sha1, sha256 } from '../crypto/io/sha.ts'
import { layerAbove, leafLayer, pieceLayerOf, rootOf } from '../crypto/merkle.ts'
import { Bitfield } from './bitfield.ts'
import type { ShareReader } from './reader.ts'

export type MadeShare = {
  readonly share: Share
  readonly torrentBytes: Uint8Array
  /** The whole piece space; pad bytes are zeros. */
  readonly data: Uint8Array
}

export type SharePlan = {
  readonly version: TorrentVersion
  readonly pieceLength: number
  /** In the torrent's order. One makes a single-file share of that name. */
  readonly files: readonly { readonly path: string; readonly content: Uint8Array }[]
  readonly withCids?: boolean
  readonly webSeeds?: readonly string[]
  readonly private?: boolean
}

export function shareOf(plan: SharePlan): MadeShare {
  const { version, pieceLength, files: given, withCids = false, webSeeds = [] } = plan
  const files = given.map(({ path, content }) => ({
    path,
    length: content.length,
    ...(withCids && { cid: cid(sha256(content)) }),
    ...(version !== 'v1' && treeOf(content, pieceLength)),
  }))
  const layout = layoutFor(version, pieceLength, files)
  const data = new Uint8Array(layout.pieceCount * pieceLength)
  for (const [i, { content }] of given.entries()) data.set(content, layout.files[i]!.offset)
  const singleFile = files.length === 1
  const torrent = createTorrent({
    name: singleFile ? files[0]!.path : 'share',
    ...{ singleFile, version, pieceLength, files, webSeeds },
    ...(version !== 'v2' && { v1Pieces: v1PiecesOf(layout, data) }),
    ...(plan.private && { private: true }),
  })
  return { ...torrent, data }
}

function treeOf(content: Uint8Array, pieceLength: number): Pick<HashedFile, 'piecesRoot' | 'pieceLayer'> {
  if (content.length === 0) return {}
  const leaves = leafLayer(content, sha256)
  const root = { piecesRoot: rootOf(leaves, 0, sha256) }
  if (content.length <= pieceLength) return root
  return { ...root, pieceLayer: layerAbove(leaves, { from: 0, to: pieceLayerOf(pieceLength) }, sha256) }
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
export function memoryReader(
  share: Share,
  data: Uint8Array,
  have: Bitfield = Bitfield.full(share.layout.pieceCount),
): ShareReader {
  const { layout } = share
  const read = (at: number, end: number, views: readonly Uint8Array[]) => {
    for (const view of views) {
      if (at + view.length > end) throw new CodedError('READ_FAILED', 'past the end')
      view.set(data.subarray(at, at + view.length))
      at += view.length
    }
  }
  return {
    share,
    have,
    read: async (piece, begin, views) => {
      read(piece * layout.pieceLength + begin, data.length, views) // joined requests run on into the next piece
    },
    readFile: async (file, offset, into) => {
      const { offset: start, length } = layout.files[file]!
      read(start + offset, start + length, [into])
    },
    leafHashes: async (piece) => {
      const start = piece * layout.pieceLength
      return leafLayer(data.subarray(start, start + layout.pieceBytes(piece)), sha256)
    },
  }
}
