/**
 * Where the files of a share lie below a folder, by the rule every client follows: `folder/name` for a single
 * file, else `folder/name/path`.
 *
 * @module
 */
import type { Share } from './share.ts'

/** Paths by file index, `/`-joined. The share's own parts are safe already. */
export const sharePaths = (share: Pick<Share, 'name' | 'singleFile' | 'files'>, folder: string): string[] =>
  share.singleFile
    ? [`${folder}/${share.name}`]
    : share.files.map((file) => `${folder}/${share.name}/${file.path}`)
