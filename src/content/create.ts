/**
 * Makes .torrent files out of hashes: v1, v2 or hybrid, for a file or a folder. The same input gives the same
 * bytes.
 *
 * Source: BEP 3, 12, 19, 27, 47, 52. Padding and order are as libtorrent 2.0 has them (padding after every
 * file of a hybrid folder, the last included), so that both make the same info hashes. Folders without files
 * cannot be told in a torrent and are left out.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { compareBytes, utf8 } from '../base/bytes.ts'
import { CodedError } from '../base/errors.ts'
import { type BencodeInput, encodeBencode, keyOf } from './bencode.ts'
import { CLAIMS_KEY, claimsInput, type FileClaim } from './claims.ts'
import type { Layout } from './layout.ts'
import { type Hashes, parseTorrent } from './metainfo.ts'
import { alignedLayout, isV2PieceLength, packedLayout, padAfter, type SizedFile } from './piece-space.ts'
import type { Share } from './share.ts'

export type TorrentVersion = Share['version']

/**
 * A file and its hashes; `piecesRoot` (non-empty files) and `pieceLayer` (longer than a piece) for v2 and
 * hybrid.
 */
export type HashedFile = FileClaim & {
  /** `/`-joined, below the share's folder; the share's name for a single file. */
  readonly path: string
  readonly length: number
  readonly executable?: boolean
  readonly piecesRoot?: Uint8Array
  readonly pieceLayer?: Uint8Array
}

/** What of a torrent lies outside `info`. */
export type TorrentExtras = {
  readonly trackers?: readonly (readonly string[])[]
  readonly webSeeds?: readonly string[]
  readonly comment?: string
  /** Seconds since 1970. Left out when absent, so that the torrent depends on nothing but its content. */
  readonly createdAtS?: number
}

export type TorrentInput = TorrentExtras & {
  readonly name: string
  readonly singleFile: boolean
  readonly version: TorrentVersion
  readonly private?: boolean
  readonly pieceLength: number
  /** In the order of `sortFiles`. */
  readonly files: readonly HashedFile[]
  /** 20 bytes a piece, for v1 and hybrid. */
  readonly v1Pieces?: Uint8Array
}

export type CreatedTorrent = { readonly torrentBytes: Uint8Array; readonly share: Share }

const AUTO_PIECES = 1_024
const AUTO_PIECE_LENGTH_MAX = 16 * 2 ** 20

/**
 * The smallest piece length, from 16 KiB to 16 MiB, that makes at most 1,024 pieces or two a file: files start on
 * piece boundaries, so that long pieces would only add padding where most files are short.
 */
export function choosePieceLength(fileLengths: readonly number[]): number {
  const piecesMax = Math.max(AUTO_PIECES, 2 * fileLengths.length)
  let pieceLength = 16_384
  const pieces = () => fileLengths.reduce((sum, length) => sum + Math.ceil(length / pieceLength), 0)
  while (pieceLength < AUTO_PIECE_LENGTH_MAX && pieces() > piecesMax) pieceLength *= 2
  return pieceLength
}

/** Sorts by the raw bytes of each path component: the order of a v2 file tree, used for v1 as well. */
export function sortFiles<T extends { readonly path: string }>(files: readonly T[]): T[] {
  const keyed = files.map((file) => ({ file, names: file.path.split('/').map(utf8) }))
  keyed.sort((a, b) => {
    const shared = Math.min(a.names.length, b.names.length)
    for (let i = 0; i < shared; i++) {
      const order = compareBytes(a.names[i]!, b.names[i]!)
      if (order !== 0) return order
    }
    return a.names.length - b.names.length
  })
  return keyed.map(({ file }) => file)
}

/** Whether v1 hashes cover the zeros behind each file's last piece: folders of more than one file. */
const padsTail = (version: TorrentVersion, files: readonly unknown[]): boolean =>
  version === 'hybrid' && files.length > 1

/** Where the files of a new torrent will lie: needed before hashing, because v1 pieces run over files. */
export const layoutFor = (
  version: TorrentVersion,
  pieceLength: number,
  files: readonly SizedFile[],
): Layout =>
  version === 'v1'
    ? packedLayout(pieceLength, files)
    : alignedLayout(pieceLength, files, { tailPadded: padsTail(version, files) })

/**
 * Encodes a torrent and reads it back with the strict parser, so that nothing leaves that we would not take.
 *
 * @throws {DecodeError} for names and sizes that no torrent may have.
 * @throws {CodedError<'LONE_FILE_FOLDER'>} for a v2-only folder of one file, which BEP 52 reads as that file
 * alone.
 */
export function createTorrent(input: TorrentInput, hashes?: Hashes): CreatedTorrent {
  const { version, files, pieceLength, singleFile } = input
  assert(version === 'v1' || isV2PieceLength(pieceLength), 'a v2 piece length is a power of two from 16 KiB')
  assert(!singleFile || (files.length === 1 && files[0]!.path === input.name), 'a single file is the share')
  if (version === 'v2' && !singleFile && files.length === 1 && !files[0]!.path.includes('/')) {
    throw new CodedError(
      'LONE_FILE_FOLDER',
      'a v2 torrent cannot hold a folder of one file: share the file itself',
    )
  }
  const tiers = input.trackers ?? []
  const torrentBytes = encodeBencode({
    announce: tiers[0]?.[0],
    'announce-list': tiers.flat().length > 1 ? tiers : undefined,
    comment: input.comment,
    'created by': 'Tallyswarm',
    'creation date': input.createdAtS,
    info: infoInput(input),
    'piece layers': version === 'v1' ? undefined : pieceLayersInput(files, pieceLength),
    [CLAIMS_KEY]: claimsInput(files),
    'url-list': input.webSeeds?.length ? input.webSeeds : undefined,
  })
  return { torrentBytes, share: parseTorrent(torrentBytes, hashes) }
}

function infoInput(input: TorrentInput): BencodeInput {
  const { version, files, name, singleFile } = input
  const v1 = version !== 'v2'
  const v2 = version !== 'v1'
  return {
    attr: v1 && singleFile && files[0]!.executable ? 'x' : undefined,
    'file tree': v2 ? fileTreeInput(files) : undefined,
    files: v1 && !singleFile ? filesInput(input) : undefined,
    length: v1 && singleFile ? files[0]!.length : undefined,
    'meta version': v2 ? 2 : undefined,
    name,
    'piece length': input.pieceLength,
    pieces: v1 ? input.v1Pieces : undefined,
    private: input.private ? 1 : undefined,
  }
}

function filesInput({ version, files, pieceLength }: TorrentInput): BencodeInput {
  const list: BencodeInput[] = []
  const pads = padsTail(version, files)
  for (const { path, length, executable } of files) {
    list.push({ attr: executable ? 'x' : undefined, length, path: path.split('/') })
    const pad = pads ? padAfter(length, pieceLength) : 0
    if (pad > 0) list.push({ attr: 'p', length: pad, path: ['.pad', String(pad)] })
  }
  return list
}

type Tree = Map<string, BencodeInput>

function fileTreeInput(files: readonly HashedFile[]): BencodeInput {
  const root: Tree = new Map()
  for (const { path, length, executable, piecesRoot } of files) {
    let folder = root
    for (const name of path.split('/')) {
      const key = keyOf(utf8(name))
      let next = folder.get(key) as Tree | undefined
      if (next === undefined) folder.set(key, (next = new Map()))
      folder = next
    }
    folder.set('', {
      attr: executable ? 'x' : undefined,
      length,
      'pieces root': length > 0 ? piecesRoot : undefined,
    })
  }
  return root
}

function pieceLayersInput(files: readonly HashedFile[], pieceLength: number): BencodeInput {
  const layers: Tree = new Map()
  for (const { length, piecesRoot, pieceLayer } of files) {
    if (length > pieceLength) layers.set(keyOf(piecesRoot!), pieceLayer!)
  }
  return layers
}
