/**
 * The contract between what is on disk and whoever serves it: every server reads verified pieces through this.
 *
 * @module
 */
import type { Share } from '../content/share.ts'
import type { Bitfield } from './bitfield.ts'

export type ShareReader = {
  readonly share: Share
  /** Pieces that are verified and on disk. Live: grows while a download runs. */
  readonly have: Bitfield
  /**
   * Fills `views` back to back with the bytes from `begin` of `piece` on (pad bytes are zeros); one readv where the
   * range lies in one file. The range may run past the piece's end into following verified pieces.
   * Rejects with CodedError `READ_FAILED`.
   */
  read(piece: number, begin: number, views: readonly Uint8Array[]): Promise<void>
  /** Fills `into` from a file. The caller has checked that the pieces under it are had. */
  readFile(file: number, offset: number, into: Uint8Array): Promise<void>
  /** BEP 52 leaf hashes (32 bytes each, 16 KiB leaves) of one verified piece, computed off the main thread. */
  leafHashes(piece: number): Promise<Uint8Array>
}
