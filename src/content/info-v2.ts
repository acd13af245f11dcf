/**
 * The v2 half of an info dictionary: the file tree, and the piece layers beside it.
 *
 * Source: BEP 52 "file tree", "pieces root", "piece layers".
 *
 * @module
 */
import { bytesEqual, utf8Text } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { HASH_BYTES, layerLength, pieceLayerOf, rootOf } from '../crypto/merkle.ts'
import type { Hash } from '../crypto/sha.ts'
import { type BencodeDict, isDict, keyBytes, keyOf } from './bencode.ts'
import { bytesField, dictField, intField, required } from './bencode-fields.ts'
import { attributes } from './info-v1.ts'
import { FILES_MAX } from './piece-space.ts'
import { PathJail } from './safe-path.ts'
import type { ShareFile } from './share.ts'

export type FileV2 = Pick<ShareFile, 'path' | 'length' | 'piecesRoot' | 'executable'>

/** The files in tree order, and whether the tree is one file without a folder. @throws {DecodeError} */
export function parseFileTree(info: BencodeDict): { readonly files: FileV2[]; readonly oneFile: boolean } {
  const tree = required(dictField(info, 'file tree'), 'file tree')
  const files: FileV2[] = []
  const jail = new PathJail()
  // The decoder's depth limit bounds this recursion.
  const walk = (folder: BencodeDict, parents: readonly string[]): void => {
    for (const [key, entry] of folder) {
      if (!isDict(entry) || key === '')
        throw new DecodeError('FILE_TREE', 'a file tree holds named dictionaries')
      const path = [...parents, utf8Text(keyBytes(key))]
      if (!entry.has('')) {
        walk(entry, path)
        continue
      }
      if (entry.size !== 1) throw new DecodeError('FILE_TREE', 'a file in the tree is also a folder')
      if (files.length === FILES_MAX) throw new DecodeError('TOO_MANY_FILES', `more than ${FILES_MAX} files`)
      files.push(parseFile(required(dictField(entry, ''), ''), jail.add(path)))
    }
  }
  walk(tree, [])
  const [first] = tree.values()
  return { files, oneFile: tree.size === 1 && isDict(first) && first.has('') }
}

function parseFile(entry: BencodeDict, path: string): FileV2 {
  const length = required(intField(entry, 'length'), 'length')
  const { pad, executable } = attributes(entry)
  if (pad) throw new DecodeError('FILE_TREE', 'padding has no place in a file tree')
  const piecesRoot = bytesField(entry, 'pieces root', HASH_BYTES)
  if (length === 0) return { path, length, executable }
  return { path, length, executable, piecesRoot: required(piecesRoot, 'pieces root') }
}

/**
 * The layers of all files longer than a piece, by file index, each checked against its file's length and
 * root. The layout's limit on pieces bounds the work.
 *
 * @throws {DecodeError<'FIELD_MISSING' | 'FIELD_TYPE' | 'PIECE_LAYER_MISMATCH'>}
 */
export function parsePieceLayers(
  torrent: BencodeDict,
  files: readonly FileV2[],
  { pieceLength, sha256 }: { readonly pieceLength: number; readonly sha256: Hash },
): Map<number, Uint8Array> {
  // Makers leave it out when no file needs a layer; where one does, its absence is found below.
  const layers = dictField(torrent, 'piece layers') ?? new Map()
  const byIndex = new Map<number, Uint8Array>()
  const height = pieceLayerOf(pieceLength)
  for (const [index, { path, length, piecesRoot }] of files.entries()) {
    if (piecesRoot === undefined || length <= pieceLength) continue
    const layer = required(bytesField(layers, keyOf(piecesRoot)), 'piece layers')
    const isWhole = layer.length === layerLength(length, height) * HASH_BYTES
    if (!isWhole || !bytesEqual(rootOf(layer, height, sha256), piecesRoot)) {
      throw new DecodeError('PIECE_LAYER_MISMATCH', `the piece layer of ${path} does not match its root`)
    }
    byIndex.set(index, layer)
  }
  return byIndex
}
