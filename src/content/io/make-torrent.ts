/**
 * From a path on disk to a torrent and its share.
 *
 * @module
 */
import { sha1, sha256 } from '../../crypto/io/sha.ts'
import {
  type CreatedTorrent,
  choosePieceLength,
  createTorrent,
  layoutFor,
  type TorrentExtras,
  type TorrentVersion,
} from '../create.ts'
import type { HashPool } from './hash-pool.ts'
import { type HashOptions, hashShare } from './hasher.ts'
import { assertUnchanged, findFiles } from './walk.ts'

export type MakeTorrentOptions = TorrentExtras &
  HashOptions & {
    readonly version?: TorrentVersion
    /** Bytes; chosen by size when absent. */
    readonly pieceLength?: number
    readonly private?: boolean
  }

export type MadeTorrent = CreatedTorrent & {
  /** Where each file of the share lies on disk, by its index. */
  readonly diskPaths: readonly string[]
}

/**
 * Hashes a file or folder and makes its torrent, hybrid unless told otherwise, with `cid` and ed2k hash of
 * each file.
 *
 * @throws {CodedError} see `findFiles` and `hashShare`. @throws {DecodeError} for names no torrent may hold.
 */
export async function makeTorrent(
  pool: HashPool,
  path: string,
  options: MakeTorrentOptions = {},
): Promise<MadeTorrent> {
  const { version = 'hybrid', signal, onProgress, ...rest } = options
  const { name, singleFile, files: found } = await findFiles(path, { signal })
  const lengths = found.map((file) => file.length)
  // v1 pieces run over files: there it is the whole that counts.
  const runs = version === 'v1' ? [lengths.reduce((sum, length) => sum + length, 0)] : lengths
  const pieceLength = options.pieceLength ?? choosePieceLength(runs)
  const layout = layoutFor(version, pieceLength, found)
  const kinds = { v1: version !== 'v2', v2: version !== 'v1', cid: true, ed2k: true }
  const diskPaths = found.map((file) => file.diskPath)
  const hashed = await hashShare(pool, { layout, kinds, paths: diskPaths }, { signal, onProgress })
  await assertUnchanged(found)
  const files = hashed.files.map((file, i) => ({ ...file, executable: found[i]!.executable }))
  const created = createTorrent(
    { ...rest, ...hashed, files, name, singleFile, version, pieceLength },
    { sha1, sha256 },
  )
  return { ...created, diskPaths }
}
