/**
 * The .torrent of a finished download, also of one that came by magnet: piece layers that no peer gave us are computed
 * from the data, which is verified.
 *
 * @module
 */
import { bytesEqual, concatBytes } from '../base/bytes.ts'
import { CodedError } from '../base/errors.ts'
import { formatTorrent } from '../content/format-torrent.ts'
import type { Share } from '../content/share.ts'
import { sha256 } from '../crypto/io/sha.ts'
import { layerAbove, pieceLayerOf, rootOf } from '../crypto/merkle.ts'
import type { ShareReader } from '../transfer/reader.ts'

/** @throws {CodedError<'LAYER_MISMATCH'>} when the data does not have the roots the share names */
export async function torrentOf(
  reader: ShareReader,
  from: Pick<Share, 'trackers' | 'webSeeds'>,
): Promise<Uint8Array> {
  const { share } = reader
  const pieceLayers = new Map(share.pieceLayers)
  for (const { index, length, piecesRoot } of share.files) {
    if (!piecesRoot || length <= share.layout.pieceLength || pieceLayers.has(index)) continue
    const layer = await pieceLayer(reader, index)
    if (!bytesEqual(rootOf(layer, pieceLayerOf(share.layout.pieceLength), sha256), piecesRoot)) {
      throw new CodedError('LAYER_MISMATCH', `file ${index} does not hash to its root`)
    }
    pieceLayers.set(index, layer)
  }
  return formatTorrent({ ...share, pieceLayers }, from)
}

/** A file's piece layer from its leaves; every file of such a share starts on a piece. */
async function pieceLayer(reader: ShareReader, file: number): Promise<Uint8Array> {
  const { layout } = reader.share
  const { offset, length } = layout.files[file]!
  const first = offset / layout.pieceLength
  const count = Math.ceil(length / layout.pieceLength)
  const hashes: Uint8Array[] = []
  for (let piece = first; piece < first + count; piece++) {
    const to = pieceLayerOf(layout.pieceLength)
    hashes.push(layerAbove(await reader.leafHashes(piece), { from: 0, to }, sha256))
  }
  return concatBytes(...hashes)
}
