/**
 * The shares a server offers, by every name a client may use: info hashes, cids, tree roots, web-seed paths.
 *
 * A cid is a claim of the torrent's maker; who asks by cid checks the whole file. Two shares may hold the
 * same file: the one that has all of it answers first.
 *
 * @module
 */
import { toHex } from '../base/bytes.ts'
import type { Share, ShareFile } from '../content/share.ts'
import type { ShareReader } from '../transfer/reader.ts'
import type { ShareOffer } from './contract.ts'

export type OfferedShare = {
  /** Hex of the v2 info hash, else of the v1 one. */
  readonly id: string
  readonly reader: ShareReader
  readonly offer: ShareOffer
  readonly fileByPath: ReadonlyMap<string, ShareFile>
}

export type FileRef = { readonly offered: OfferedShare; readonly file: ShareFile }
export type FileLookup = FileRef | 'unknown' | 'several-files'

/** Pieces [first, end) that hold bytes [start, end) of a file. */
export function piecesUnder(
  { offered: { reader }, file }: FileRef,
  bytes: { readonly start: number; readonly end: number },
): { readonly first: number; readonly end: number } {
  const { layout } = reader.share
  const offset = layout.files[file.index]!.offset
  const first = Math.floor((offset + bytes.start) / layout.pieceLength)
  return {
    first,
    end: bytes.end <= bytes.start ? first : Math.ceil((offset + bytes.end) / layout.pieceLength),
  }
}

/** Whether all these bytes of a file are verified. */
export function hasBytes(ref: FileRef, bytes: { readonly start: number; readonly end: number }): boolean {
  const { first, end } = piecesUnder(ref, bytes)
  for (let piece = first; piece < end; piece++) if (!ref.offered.reader.have.has(piece)) return false
  return true
}

export const idOf = (share: Share): string => toHex((share.infoHashV2 ?? share.infoHashV1)!)

export class Catalog {
  readonly #shares = new Map<string, OfferedShare>()
  /** Files by cid and by tree root, hex. */
  readonly #files = new Map<string, FileRef[]>()

  add(reader: ShareReader, offer: ShareOffer): void {
    const { share } = reader
    this.remove(share)
    const fileByPath = new Map(share.files.map((file) => [file.path, file]))
    const offered: OfferedShare = { id: idOf(share), reader, offer, fileByPath }
    for (const hash of hashesOf(share)) this.#shares.set(hash, offered)
    for (const file of share.files) {
      for (const name of namesOf(file)) {
        const refs = this.#files.get(name) ?? []
        refs.push({ offered, file })
        this.#files.set(name, refs)
      }
    }
  }

  remove(share: Share): void {
    const offered = this.#shares.get(idOf(share))
    if (offered === undefined) return
    for (const [hash, other] of this.#shares) if (other === offered) this.#shares.delete(hash)
    for (const name of new Set(offered.reader.share.files.flatMap(namesOf))) {
      const rest = this.#files.get(name)?.filter((ref) => ref.offered !== offered) ?? []
      if (rest.length === 0) this.#files.delete(name)
      else this.#files.set(name, rest)
    }
  }

  /** By v1 or v2 info hash, hex. */
  share(hash: string): OfferedShare | undefined {
    return this.#shares.get(hash)
  }

  /** By info hash (with `index` unless there is one file), or by cid or tree root (without). */
  file(hash: string, index?: number): FileLookup {
    const offered = this.#shares.get(hash)
    if (offered !== undefined) {
      const { files } = offered.reader.share
      if (index === undefined && files.length > 1) return 'several-files'
      const file = files[index ?? 0]
      return file === undefined ? 'unknown' : { offered, file }
    }
    const refs = index === undefined ? this.#files.get(hash) : undefined
    if (refs === undefined) return 'unknown'
    return refs.find((ref) => hasBytes(ref, { start: 0, end: ref.file.length })) ?? refs[0]!
  }
}

function hashesOf(share: Share): string[] {
  return [share.infoHashV1, share.infoHashV2].filter((hash) => hash !== undefined).map(toHex)
}

const namesOf = (file: ShareFile): string[] =>
  [file.cid, file.piecesRoot].filter((hash) => hash !== undefined).map(toHex)
