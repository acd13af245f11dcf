/**
 * What a share is once its torrent has been read: the one description that every protocol works from.
 *
 * Source: design section 2; BEP 3, 27, 47, 52. Made by `content/metainfo.ts` (parse) and `content/create.ts`.
 *
 * @module
 */
import type { Cid, Ed2kHash, InfoHashV1, InfoHashV2 } from '../base/ids.ts'
import type { Layout } from './layout.ts'

/** A file of a share. Hashes are absent where the torrent does not carry them. */
export type ShareFile = {
  readonly index: number
  /** Safe relative path, `/`-joined, the share's name not included (single-file shares: the name itself). */
  readonly path: string
  readonly length: number
  /** BEP 52 root over 16 KiB leaves; absent for v1-only shares and empty files. */
  readonly piecesRoot?: Uint8Array
  /** SHA-256 of the file and its ed2k hash: claims of the torrent's maker, outside `info` or beside the file. */
  readonly cid?: Cid
  readonly ed2k?: Ed2kHash
  readonly executable?: boolean
}

export type Share = {
  readonly name: string
  /** True when the torrent describes one file at its root (so OUT/name is a file, not a folder). */
  readonly singleFile: boolean
  readonly version: 'v1' | 'v2' | 'hybrid'
  readonly infoHashV1?: InfoHashV1
  readonly infoHashV2?: InfoHashV2
  readonly private: boolean
  readonly layout: Layout
  readonly files: readonly ShareFile[]
  /** 20 bytes a piece; absent for v2-only shares. */
  readonly v1Pieces?: Uint8Array
  /**
   * Piece layers by file index (32 bytes a piece of that file), files longer than one piece only. Empty when the
   * share came by magnet and the layers are still to be fetched (BEP 52 messages 21-23). Verified against piecesRoot.
   */
  readonly pieceLayers: Map<number, Uint8Array>
  /** The exact bytes of the `info` dictionary, for ut_metadata. */
  readonly infoBytes: Uint8Array
  /** Tracker tiers (BEP 12), web seeds (BEP 19), from outside `info`. */
  readonly trackers: readonly (readonly string[])[]
  readonly webSeeds: readonly string[]
}
