/**
 * Representations of what a share holds: files, chunks, tree layers, pad bytes.
 *
 * @module
 */
import { concatBytes, toHex } from '../../base/bytes.ts'
import { sha256 } from '../../crypto/io/sha.ts'
import { HASH_BYTES, LEAF_BYTES, layerAbove } from '../../crypto/merkle.ts'
import { type FileRef, hasBytes, type OfferedShare, piecesUnder } from '../catalog.ts'
import { BYTES_TYPE, contentType } from '../headers.ts'
import { CHUNK_BYTES, type LayerPlan, planLayer } from '../layers.ts'
import type { ByteRange } from '../ranges.ts'
import { HttpFault, type Representation } from '../representation.ts'

/** Told of payload that goes on the wire, by piece. */
export type OnSent = (piece: number, begin: number, length: number) => void

const cacheOf = ({ reader }: OfferedShare) => (reader.share.private ? 'private' : 'public')

/** Names the bytes themselves where the torrent has a tree, else the share and the file's place in it. */
const tagOf = ({ offered, file }: FileRef): string =>
  file.piecesRoot === undefined ? `${offered.id}-${file.index}` : toHex(file.piecesRoot)

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

export function fileRepresentation(ref: FileRef, onSent: OnSent): Representation {
  const { file } = ref
  return {
    ...slice(ref, { start: 0, end: file.length }, onSent),
    etag: `"${tagOf(ref)}"`,
    contentType: contentType(file.path),
    fileName: nameOf(file.path),
  }
}

/** @throws {HttpFault} 404 past the end of the file */
export function chunkRepresentation(ref: FileRef, chunk: number, onSent: OnSent): Representation {
  const start = chunk * CHUNK_BYTES
  if (start >= ref.file.length) {
    const count = Math.ceil(ref.file.length / CHUNK_BYTES)
    throw new HttpFault(404, 'NO_SUCH_CHUNK', `the file has ${count} chunks`)
  }
  return {
    ...slice(ref, { start, end: Math.min(start + CHUNK_BYTES, ref.file.length) }, onSent),
    etag: `"${tagOf(ref)}-c${chunk}"`,
    contentType: BYTES_TYPE,
  }
}

function slice(
  ref: FileRef,
  { start, end }: ByteRange,
  onSent: OnSent,
): Omit<Representation, 'etag' | 'contentType'> {
  const { offered, file } = ref
  const { layout } = offered.reader.share
  const offset = layout.files[file.index]!.offset + start
  return {
    length: end - start,
    cache: cacheOf(offered),
    payload: true,
    has: (range) => hasBytes(ref, { start: start + range.start, end: start + range.end }),
    read: (at, into) => offered.reader.readFile(file.index, start + at, into),
    sent: (at, length) => {
      for (let from = offset + at; from < offset + at + length; ) {
        const piece = Math.floor(from / layout.pieceLength)
        const to = Math.min(offset + at + length, (piece + 1) * layout.pieceLength)
        onSent(piece, from - piece * layout.pieceLength, to - from)
        from = to
      }
    },
  }
}

/** Zeros, for clients that fetch pad files (BEP 47). */
export function padRepresentation(length: number): Representation {
  return {
    length,
    etag: `"pad-${length}"`,
    contentType: BYTES_TYPE,
    cache: 'public',
    payload: true, // worth nothing, but the policy on plain clients bounds what it costs
    has: () => true,
    read: (_offset, into) => Promise.resolve(void into.fill(0)),
  }
}

/** Runs at most so many jobs at once; the others wait their turn. */
export type Gate = <T>(job: () => Promise<T>) => Promise<T>

/**
 * @throws {HttpFault} 404 where the file has no tree or no such layer, 409 where its piece layer is not known
 * yet
 */
export function layerRepresentation(ref: FileRef, height: number, gate: Gate): Representation {
  const { offered, file } = ref
  const { pieceLength } = offered.reader.share.layout
  const plan = planLayer({ length: file.length, pieceLength }, height)
  if (file.piecesRoot === undefined || plan === undefined) {
    throw new HttpFault(404, 'NO_SUCH_LAYER', 'the file has no tree or its tree is not that high')
  }
  const pieceLayer = offered.reader.share.pieceLayers.get(file.index)
  if (plan.from === 'piece-layer' && pieceLayer === undefined) {
    throw new HttpFault(409, 'LAYER_UNKNOWN', 'the piece layer of this file is not known here yet')
  }
  const hashes =
    plan.from === 'leaves'
      ? leafHashes(ref, plan, gate)
      : knownHashes(plan.from === 'root' ? file.piecesRoot : pieceLayer!, plan)
  return {
    length: plan.hashes * HASH_BYTES,
    etag: `"${toHex(file.piecesRoot)}-l${plan.layer}"`,
    contentType: BYTES_TYPE,
    cache: cacheOf(offered),
    payload: false,
    has: (range) => plan.from !== 'leaves' || hasBytes(ref, under(range, plan, file.length)),
    read: async (offset, into) => {
      const first = Math.floor(offset / HASH_BYTES)
      const row = await hashes(first, Math.ceil((offset + into.length) / HASH_BYTES))
      into.set(row.subarray(offset - first * HASH_BYTES, offset - first * HASH_BYTES + into.length))
    },
  }
}

/** File bytes under these bytes of a layer made from leaves. */
function under(range: ByteRange, plan: LayerPlan, fileLength: number): ByteRange {
  const bytesPerHash = 2 ** plan.layer * LEAF_BYTES
  const start = Math.floor(range.start / HASH_BYTES) * bytesPerHash
  return { start, end: Math.min(fileLength, Math.ceil(range.end / HASH_BYTES) * bytesPerHash) }
}

/** Hashes [first, end) of a layer, all of them in a row. */
type Hashes = (first: number, end: number) => Promise<Uint8Array>

/** From the root or the piece layer: only what lies under the hashes asked for is hashed. */
function knownHashes(known: Uint8Array, { base, layer }: LayerPlan): Hashes {
  const perHash = HASH_BYTES * 2 ** (layer - base)
  return (first, end) =>
    Promise.resolve(
      layerAbove(known.subarray(first * perHash, end * perHash), { from: base, to: layer }, sha256),
    )
}

/**
 * From the leaves of the pieces under them, the last piece kept: neighbours are asked for one after the
 * other.
 */
function leafHashes(ref: FileRef, { layer }: LayerPlan, gate: Gate): Hashes {
  const { reader } = ref.offered
  const perPiece = reader.share.layout.pieceLength / LEAF_BYTES / 2 ** layer
  const { first: firstPiece } = piecesUnder(ref, { start: 0, end: 1 })
  let last: { readonly piece: number; readonly row: Uint8Array } | undefined
  return async (first, end) => {
    const parts: Uint8Array[] = []
    for (let at = first; at < end; ) {
      const inFile = Math.floor(at / perPiece)
      const piece = firstPiece + inFile
      if (last?.piece !== piece) {
        const leaves = await gate(() => reader.leafHashes(piece))
        last = { piece, row: layerAbove(leaves, { from: 0, to: layer }, sha256) }
      }
      const skip = inFile * perPiece
      const to = Math.min(end, skip + perPiece)
      parts.push(last.row.subarray((at - skip) * HASH_BYTES, (to - skip) * HASH_BYTES))
      at = to
    }
    return concatBytes(...parts)
  }
}
