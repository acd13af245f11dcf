/**
 * Where the files of one share lie on the disk, while it downloads and after.
 *
 *   OUT/name.tsw-part[/path]      while it downloads
 *   OUT/name[/path]               when everything wanted is verified
 *   STATE/<hash>.skipped/<index>  what pieces at their edges hold of files that were not chosen
 *
 * @module
 */
import type { Share } from '../../content/share.ts'
import { absolute, type Place } from './jail.ts'
import type { FileRun } from './store-jobs.ts'

export const PART_SUFFIX = '.tsw-part'

export type PlacesInput = {
  /** A real path, trusted. */
  readonly folder: string
  /** The share's root below `folder`: a file or a folder. */
  readonly rootName: string
  /** Where files that are not chosen go, and which they are. */
  readonly skipped?: { readonly folder: string; readonly name: string; readonly files: ReadonlySet<number> }
}

export class Places {
  readonly share: Share
  readonly folder: string
  readonly #skipped: PlacesInput['skipped']
  #rootName: string

  constructor(share: Share, { folder, rootName, skipped }: PlacesInput) {
    this.share = share
    this.folder = folder
    this.#rootName = rootName
    this.#skipped = skipped
  }

  get root(): Place {
    return { base: this.folder, path: this.#rootName }
  }

  /** Absolute. */
  get rootPath(): string {
    return absolute(this.root)
  }

  /** The root was renamed on the disk. */
  renamed(rootName: string): void {
    this.#rootName = rootName
  }

  isChosen(file: number): boolean {
    return this.#skipped?.files.has(file) !== true
  }

  place(file: number): Place {
    if (!this.isChosen(file)) {
      return { base: this.#skipped!.folder, path: `${this.#skipped!.name}/${file}` }
    }
    const { singleFile, files } = this.share
    return singleFile ? this.root : { base: this.folder, path: `${this.#rootName}/${files[file]!.path}` }
  }

  /** The file runs of a piece; pad bytes are in none. */
  runs(piece: number): FileRun[] {
    const { layout } = this.share
    return layout.spans(piece, 0, layout.pieceBytes(piece)).map(({ file, fileOffset, at, length }) => ({
      ...this.place(file),
      file,
      offset: fileOffset,
      at,
      length,
    }))
  }
}
