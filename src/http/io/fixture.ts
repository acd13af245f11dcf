/**
 * For tests: a share in memory (real torrent bytes, real hashes, a reader over the files' bytes), and a plain
 * client.
 *
 * @module
 */
import { request } from 'node:http'
import { concatBytes } from '../../base/bytes.ts'
import { CodedError } from '../../base/errors.ts'
import { cid } from '../../base/ids.ts'
import { createTorrent, layoutFor, sortFiles, type TorrentVersion } from '../../content/create.ts'
import { padAfter } from '../../content/piece-space.ts'
import type { Share } from '../../content/share.ts'
import { sha1, sha256 } from '../../crypto/io/sha.ts'
import { layerAbove, leafLayer, pieceLayerOf, rootOf } from '../../crypto/merkle.ts'
import { Bitfield } from '../../transfer/bitfield.ts'
import type { ShareReader } from '../../transfer/reader.ts'
import type { ShareServer } from '../contract.ts'

export type TestShare = {
  readonly share: Share
  readonly reader: ShareReader
  readonly torrent: Uint8Array
  /** The files' bytes by index. */
  readonly contents: readonly Uint8Array[]
}

/** Bytes that differ everywhere, the same for the same seed. */
export function testBytes(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed * 2_654_435_761 || 1
  for (let i = 0; i < length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[i] = state
  }
  return bytes
}

export type TestShareInput = {
  readonly version?: TorrentVersion
  readonly pieceLength?: number
  /** One entry: a single-file share of that name. */
  readonly files: Readonly<Record<string, Uint8Array>>
  readonly webSeeds?: readonly string[]
}

export function testShare({
  version = 'hybrid',
  pieceLength = 32_768,
  files,
  webSeeds = [],
}: TestShareInput): TestShare {
  const sorted = sortFiles(
    Object.entries(files).map(([path, content]) => ({ path, content, length: content.length })),
  )
  const singleFile = sorted.length === 1
  const hashed = sorted.map(({ path, content, length }) => {
    const leaves = leafLayer(content, sha256)
    const hasTree = version !== 'v1' && length > 0
    return {
      path,
      length,
      cid: cid(sha256(content)),
      ...(hasTree && { piecesRoot: rootOf(leaves, 0, sha256) }),
      ...(hasTree &&
        length > pieceLength && {
          pieceLayer: layerAbove(leaves, { from: 0, to: pieceLayerOf(pieceLength) }, sha256),
        }),
    }
  })
  const layout = layoutFor(version, pieceLength, sorted)
  const last = layout.files.at(-1)!
  const end = last.offset + last.length
  const space = new Uint8Array(end + (version === 'hybrid' && !singleFile ? padAfter(end, pieceLength) : 0))
  for (const [i, { content }] of sorted.entries()) space.set(content, layout.files[i]!.offset)
  const v1Pieces: Uint8Array[] = []
  for (let at = 0; at < space.length; at += pieceLength)
    v1Pieces.push(sha1(space.subarray(at, at + pieceLength)))
  const { share, torrentBytes } = createTorrent({
    name: singleFile ? sorted[0]!.path : 'share',
    singleFile,
    version,
    pieceLength,
    files: hashed,
    webSeeds,
    ...(version !== 'v2' && { v1Pieces: concatBytes(...v1Pieces) }),
  })
  const contents = sorted.map(({ content }) => content)
  return { share, reader: memoryReader(share, space), torrent: torrentBytes, contents }
}

function memoryReader(share: Share, space: Uint8Array): ShareReader {
  const { layout } = share
  const read = (from: number, into: Uint8Array) => {
    if (from + into.length > space.length) throw new CodedError('READ_FAILED', 'past the end')
    into.set(space.subarray(from, from + into.length))
  }
  return {
    share,
    have: Bitfield.full(layout.pieceCount),
    read: async (piece, begin, views) => {
      let at = piece * layout.pieceLength + begin
      for (const view of views) {
        read(at, view)
        at += view.length
      }
    },
    readFile: async (file, offset, into) => read(layout.files[file]!.offset + offset, into),
    leafHashes: async (piece) => {
      const start = piece * layout.pieceLength
      return leafLayer(space.subarray(start, start + layout.pieceBytes(piece)), sha256)
    },
  }
}

export type Answer = { status: number; headers: Record<string, string>; body: Uint8Array; text: string }

/** One request on a connection of its own. */
export function ask(
  server: ShareServer,
  path: string,
  {
    method = 'GET',
    headers = {},
    body,
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { host, port } = server.address
    const req = request({ host, port, path, method, headers, agent: false }, async (res) => {
      const chunks: Uint8Array[] = []
      try {
        for await (const chunk of res) chunks.push(chunk)
      } catch (error) {
        return reject(error)
      }
      const bytes = concatBytes(...chunks)
      resolve({
        status: res.statusCode!,
        headers: res.headers as Record<string, string>,
        body: bytes,
        text: Buffer.from(bytes).toString(),
      })
    })
    req.on('error', reject)
    req.end(body)
  })
}
