/**
 * Reads .torrent files, and info dictionaries that came by magnet, into a `Share`.
 *
 * Source: BEP 3 (v1), 52 (v2 and hybrid), 47 (padding), 27 (private), 12 (announce-list), 19 (url-list). Our
 * own key `tallyswarm`, outside `info` so that it changes no info hash: {files: [{cid, ed2k}]} by file index,
 * claims of whoever made or passed on the torrent (`claims.ts`).
 *
 * @module
 */
import { DecodeError } from '../base/errors.ts'
import { infoHashV1, infoHashV2 } from '../base/ids.ts'
import { type Hash, sha1, sha256 } from '../crypto/sha.ts'
import { type BencodeDict, type BencodeOptions, decodeBencodeDict, decodeBencodeSlices } from './bencode.ts'
import { dictField, intField, required } from './bencode-fields.ts'
import { parseClaims } from './claims.ts'
import { type InfoV1, parseInfoV1, shareName } from './info-v1.ts'
import { type FileV2, parseFileTree, parsePieceLayers } from './info-v2.ts'
import type { Layout } from './layout.ts'
import { alignedLayout, createLayout, isV2PieceLength, PIECE_LENGTH_MAX } from './piece-space.ts'
import type { Share, ShareFile } from './share.ts'
import { parseTrackers, parseWebSeeds } from './torrent-urls.ts'

/** A torrent of `FILES_MAX` files with `PIECES_MAX` pieces in both versions fits. */
export const TORRENT_LIMITS: BencodeOptions = { bytesMax: 192 * 2 ** 20, depthMax: 100, itemsMax: 6_000_000 }

export type Hashes = { readonly sha1: Hash; readonly sha256: Hash }
const PORTABLE: Hashes = { sha1, sha256 }

/** Reads a .torrent. `hashes` may be the faster ones of `crypto/io/sha.ts`. @throws {DecodeError} */
export function parseTorrent(bytes: Uint8Array, hashes: Hashes = PORTABLE): Share {
  // A copy: the share's hashes are views, and must not change with the caller's buffer.
  const { dict, slices } = decodeBencodeSlices(new Uint8Array(bytes), TORRENT_LIMITS)
  const info = required(dictField(dict, 'info'), 'info')
  const share = shareOf(info, required(slices.get('info'), 'info'), hashes)
  const claims = parseClaims(dict, share.files.length)
  return {
    ...share,
    files: claims === undefined ? share.files : share.files.map((file, i) => ({ ...file, ...claims[i] })),
    pieceLayers:
      share.version === 'v1'
        ? new Map()
        : parsePieceLayers(dict, share.files, {
            ...hashes,
            pieceLength: share.layout.pieceLength,
          }),
    trackers: parseTrackers(dict),
    webSeeds: parseWebSeeds(dict),
  }
}

/**
 * Reads the exact bytes of an info dictionary (BEP 9). Trackers and web seeds are the caller's to add; piece
 * layers are empty and to be fetched. The caller compares the info hashes with the magnet's.
 *
 * @throws {DecodeError}
 */
export function parseInfo(infoBytes: Uint8Array, hashes: Hashes = PORTABLE): Share {
  const own = new Uint8Array(infoBytes)
  return shareOf(decodeBencodeDict(own, TORRENT_LIMITS), own, hashes)
}

function shareOf(info: BencodeDict, infoBytes: Uint8Array, hashes: Hashes): Share {
  const metaVersion = intField(info, 'meta version')
  if (metaVersion !== undefined && metaVersion !== 2) {
    throw new DecodeError('META_VERSION', `meta version ${metaVersion} is not known`)
  }
  const hasV1 = info.has('pieces') || metaVersion === undefined
  const hasV2 = metaVersion === 2
  const pieceLength = required(
    intField(info, 'piece length', { min: 1, max: PIECE_LENGTH_MAX }),
    'piece length',
  )
  if (hasV2 && !isV2PieceLength(pieceLength)) {
    throw new DecodeError('PIECE_LENGTH', 'a v2 piece length is a power of two from 16 KiB')
  }
  const v1 = hasV1 ? parseInfoV1(info) : undefined
  const tree = hasV2 ? parseFileTree(info) : undefined
  const { layout, files, singleFile } = joinHalves(pieceLength, v1, tree)
  if (v1 !== undefined && v1.pieces.length !== layout.pieceCount * 20) {
    throw new DecodeError('PIECES_LENGTH', `expected ${layout.pieceCount} piece hashes of 20 bytes`)
  }
  return {
    // In v2 the name is advisory, and a lone file is called as the tree calls it.
    name: singleFile ? files[0]!.path : shareName(info),
    singleFile,
    version: v1 === undefined ? 'v2' : tree === undefined ? 'v1' : 'hybrid',
    ...(hasV1 && { infoHashV1: infoHashV1(hashes.sha1(infoBytes)) }),
    ...(hasV2 && { infoHashV2: infoHashV2(hashes.sha256(infoBytes)) }),
    private: intField(info, 'private') === 1,
    layout,
    files,
    ...(v1 !== undefined && { v1Pieces: v1.pieces }),
    pieceLayers: new Map(),
    infoBytes,
    trackers: [],
    webSeeds: [],
  }
}

type Joined = { readonly layout: Layout; readonly files: ShareFile[]; readonly singleFile: boolean }

/** One description out of both halves. @throws {DecodeError<'HYBRID_MISMATCH' | 'NO_FILES'>} */
function joinHalves(
  pieceLength: number,
  v1: InfoV1 | undefined,
  tree: ReturnType<typeof parseFileTree> | undefined,
): Joined {
  const sources: readonly FileV2[] = tree?.files ?? v1!.files
  if (sources.length === 0) throw new DecodeError('NO_FILES', 'the torrent has no files')
  const files = sources.map(({ path, length, piecesRoot, executable }, index) => ({
    index,
    path,
    length,
    ...(piecesRoot !== undefined && { piecesRoot }),
    ...(executable && { executable }),
  }))
  if (v1 === undefined) {
    return { layout: alignedLayout(pieceLength, sources), files, singleFile: tree!.oneFile }
  }
  const layout = createLayout(pieceLength, v1.files, v1.totalLength)
  if (tree !== undefined) checkSameFiles(layout, alignedLayout(pieceLength, sources))
  return { layout, files, singleFile: v1.singleFile }
}

/**
 * BEP 52, "Upgrade Path": names, order and alignment must be the same, or a piece would be two different
 * things.
 */
function checkSameFiles(v1: Layout, v2: Layout): void {
  const same =
    v1.files.length === v2.files.length &&
    v1.pieceCount === v2.pieceCount &&
    v1.files.every((file, i) => {
      const other = v2.files[i]!
      const placed = file.length === 0 || file.offset === other.offset
      return file.path === other.path && file.length === other.length && placed
    })
  if (!same) throw new DecodeError('HYBRID_MISMATCH', 'the v1 and v2 halves describe different files')
}
