/**
 * What of a download survives its process: a journal of verified pieces, and a mark of a clean stop.
 *
 * The journal is appended to after a piece's data was written. After a crash every journaled piece is hashed again
 * before it is trusted; after a clean stop, whose mark holds size and time of every file, it is trusted as it is.
 *
 *   journal: offset  size  field
 *            0       8     "TSWPIECE"
 *            8       4     CRC-32 (big-endian) of info hashes, piece length, piece count, output folder
 *            12      8 n   records: piece u32, CRC-32 u32 of (identity CRC, piece), big-endian
 *
 * A record that does not check ends the journal: what follows a torn write is not believed.
 *
 * @module
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { concatBytes, toHex, utf8, viewOf } from '../../base/bytes.ts'
import { codeOf } from '../../base/errors.ts'
import type { Share } from '../../content/share.ts'
import { Bitfield } from '../bitfield.ts'
import { absolute, type Place, statIfAny } from './jail.ts'
import type { Places } from './places.ts'

const MAGIC = utf8('TSWPIECE')
const HEADER_BYTES = 12
const RECORD_BYTES = 8

/** Names a share in the state folder. */
export const stateName = (share: Share): string =>
  toHex(share.infoHashV2 ?? share.infoHashV1 ?? new Uint8Array(0))

/** What was on the disk when the download stopped in good order. */
type CleanMark = {
  readonly version: 1
  readonly root: string
  /** Files that were not chosen. */
  readonly skipped: readonly number[]
  /** Size and modification time (ns) of each file; null where there is none. */
  readonly files: readonly (readonly [string, string] | null)[]
}

export class ResumeState implements Disposable {
  readonly #share: Share
  readonly #journalPath: string
  readonly #markPath: string
  readonly #identity: number
  #fd = -1

  /** `outputFolder` is part of the identity: pieces in one folder say nothing about another. */
  constructor(folder: string, share: Share, outputFolder: string) {
    mkdirSync(folder, { recursive: true })
    this.#share = share
    this.#journalPath = join(folder, `${stateName(share)}.pieces`)
    this.#markPath = join(folder, `${stateName(share)}.clean`)
    const { layout, infoHashV1, infoHashV2 } = share
    const about = utf8(`${layout.pieceLength} ${layout.pieceCount} ${outputFolder}`)
    const none = new Uint8Array(0)
    this.#identity = crc32(concatBytes(infoHashV1 ?? none, infoHashV2 ?? none, about))
  }

  /** Journaled pieces, or undefined when there is no journal of this share. */
  read(): Bitfield | undefined {
    const bytes = readIfAny(this.#journalPath)
    const header = this.#header()
    if (bytes === undefined || bytes.length < HEADER_BYTES) return undefined
    if (header.some((byte, i) => bytes[i] !== byte)) return undefined
    const pieces = new Bitfield(this.#share.layout.pieceCount)
    const view = viewOf(bytes)
    for (let at = HEADER_BYTES; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
      const piece = view.getUint32(at)
      if (view.getUint32(at + 4) !== this.#check(piece) || piece >= pieces.length) break
      pieces.set(piece)
    }
    return pieces
  }

  /**
   * Whether the last stop was clean and nothing on the disk has changed since. The mark is removed: whatever happens
   * from here on, it is not true any more.
   */
  takeCleanMark(places: Places): boolean {
    const bytes = readIfAny(this.#markPath)
    if (bytes === undefined) return false
    rmSync(this.#markPath)
    return new TextDecoder().decode(bytes) === JSON.stringify(this.#markOf(places))
  }

  /** Starts the journal afresh with these pieces, in one rename. Call before the first `append`. */
  start(have: Bitfield): void {
    const pieces: number[] = []
    for (let piece = 0; piece < have.length; piece++) if (have.has(piece)) pieces.push(piece)
    const bytes = new Uint8Array(HEADER_BYTES + RECORD_BYTES * pieces.length)
    bytes.set(this.#header())
    pieces.forEach((piece, i) => {
      bytes.set(this.#record(piece), HEADER_BYTES + RECORD_BYTES * i)
    })
    const fresh = `${this.#journalPath}.new`
    const fd = openSync(fresh, 'w', 0o600)
    try {
      writeAll(fd, bytes)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(fresh, this.#journalPath)
  }

  /** A piece is verified and written. @throws system errors: then the piece is not journaled */
  append(piece: number): void {
    if (this.#fd === -1) this.#fd = openSync(this.#journalPath, 'a', 0o600)
    writeAll(this.#fd, this.#record(piece))
  }

  /** A clean stop: nothing is being written any more. */
  markClean(places: Places): void {
    const fd = openSync(`${this.#markPath}.new`, 'w', 0o600)
    try {
      writeAll(fd, utf8(JSON.stringify(this.#markOf(places))))
    } finally {
      closeSync(fd)
    }
    renameSync(`${this.#markPath}.new`, this.#markPath)
  }

  /** Closes the journal's descriptor until the next `append`. */
  [Symbol.dispose](): void {
    if (this.#fd !== -1) closeSync(this.#fd)
    this.#fd = -1
  }

  #markOf(places: Places): CleanMark {
    const files = this.#share.files.map(({ index }) => stamp(places.place(index)))
    const skipped = this.#share.files.map(({ index }) => index).filter((index) => !places.isChosen(index))
    return { version: 1, root: places.rootPath, skipped, files }
  }

  #header(): Uint8Array {
    const header = new Uint8Array(HEADER_BYTES)
    header.set(MAGIC)
    viewOf(header).setUint32(MAGIC.length, this.#identity)
    return header
  }

  #record(piece: number): Uint8Array {
    const record = new Uint8Array(RECORD_BYTES)
    const view = viewOf(record)
    view.setUint32(0, piece)
    view.setUint32(4, this.#check(piece))
    return record
  }

  #check(piece: number): number {
    const bytes = new Uint8Array(4)
    viewOf(bytes).setUint32(0, piece)
    return crc32(bytes, this.#identity)
  }
}

function stamp(place: Place): CleanMark['files'][number] {
  const stats = statIfAny(absolute(place))
  return stats === undefined ? null : [String(stats.size), String(stats.mtimeMs)]
}

function readIfAny(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
}
