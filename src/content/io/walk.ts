/**
 * Lists what lies at a path, to be shared: one file, or all files below a folder.
 *
 * @module
 */
import type { Stats } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { utf8Text } from '../../base/bytes.ts'
import { CodedError } from '../../base/errors.ts'
import { sortFiles } from '../create.ts'
import { FILES_MAX } from '../piece-space.ts'
import { PathJail, safeComponent } from '../safe-path.ts'
import { mapBatched } from './map-batched.ts'

export type FoundFile = {
  /** As in the torrent: below the folder, `/`-joined; for a single file its name. */
  readonly path: string
  readonly diskPath: string
  readonly length: number
  readonly executable: boolean
  readonly modifiedAtMs: number
}

export type Found = {
  readonly name: string
  readonly singleFile: boolean
  /** In torrent order. */
  readonly files: readonly FoundFile[]
}

/**
 * Symbolic links and special files are refused: what they lead to is not what was asked to be shared. Folders
 * without files are passed over.
 *
 * @throws {DecodeError} for names that no torrent may hold.
 * @throws {CodedError<'SYMLINK' | 'NOT_A_FILE' | 'NOTHING_TO_SHARE' | 'TOO_MANY_FILES'>}
 * or a system code.
 */
export async function findFiles(
  path: string,
  {
    signal,
    filesMax = FILES_MAX,
  }: { readonly signal?: AbortSignal | undefined; readonly filesMax?: number } = {},
): Promise<Found> {
  const root = resolve(path)
  const name = safeComponent(basename(root))
  const files: FoundFile[] = []
  const visit = async (diskPath: string, stat: Stats, names: readonly string[]): Promise<void> => {
    signal?.throwIfAborted()
    if (stat.isSymbolicLink()) throw new CodedError('SYMLINK', `${diskPath} is a symbolic link`)
    if (stat.isDirectory()) {
      // As bytes: a name that is not UTF-8 would be altered in silence.
      const entries = (await readdir(diskPath, { encoding: 'buffer' })).map(utf8Text)
      const stats = await mapBatched(entries, (entry) => lstat(join(diskPath, entry)))
      for (const [i, entry] of entries.entries()) {
        await visit(join(diskPath, entry), stats[i]!, [...names, entry])
      }
      return
    }
    if (!stat.isFile()) throw new CodedError('NOT_A_FILE', `${diskPath} is neither a file nor a folder`)
    if (files.length === filesMax) throw new CodedError('TOO_MANY_FILES', `more than ${filesMax} files`)
    files.push({
      path: names.length === 0 ? name : names.join('/'),
      diskPath,
      length: stat.size,
      executable: (stat.mode & 0o100) !== 0,
      modifiedAtMs: stat.mtimeMs,
    })
  }
  await visit(root, await lstat(root), [])
  if (files.length === 0) throw new CodedError('NOTHING_TO_SHARE', `${root} holds no files`)
  const singleFile = files.length === 1 && files[0]!.diskPath === root
  const sorted = sortFiles(files)
  const jail = new PathJail()
  for (const file of sorted) jail.add(file.path.split('/'))
  return { name, singleFile, files: sorted }
}

/** Whether the files are still as they were found. @throws {CodedError<'FILE_CHANGED'>} */
export async function assertUnchanged(files: readonly FoundFile[]): Promise<void> {
  await mapBatched(files, async ({ diskPath, length, modifiedAtMs }) => {
    const stat = await lstat(diskPath)
    if (stat.size !== length || stat.mtimeMs !== modifiedAtMs) {
      throw new CodedError('FILE_CHANGED', `${diskPath} changed while it was hashed`)
    }
  })
}
