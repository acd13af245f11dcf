/**
 * Opens files of a share only inside its folder: no component below `base` may be a symbolic link.
 *
 * `content/safe-path.ts` has made the names harmless; this is about what lies on the disk under them. Checked
 * component by component before each open (Node has no openat), so somebody with write access to the folder who wins
 * a race between check and open is not kept out.
 *
 * @module
 */
import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, type Stats } from 'node:fs'
import { dirname, sep } from 'node:path'
import { CodedError, codeOf } from '../../base/errors.ts'

/** A file: `path` (`/`-joined) below `base`, a folder that is trusted as it is. */
export type Place = { readonly base: string; readonly path: string }

const unsafe = (path: string, what: string) =>
  new CodedError(
    'UNSAFE_PATH',
    `${path} is ${what}: refusing to go through it; remove it or choose another folder`,
  )

export const absolute = ({ base, path }: Place): string => `${base}${sep}${path.split('/').join(sep)}`

/** What lies at a path itself, links not followed; undefined when nothing does. */
export function statIfAny(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

function checkFolder(path: string, create: boolean): void {
  let stats = statIfAny(path)
  if (stats === undefined && create) {
    try {
      mkdirSync(path)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error // another worker was first; what it made is checked below
    }
    stats = statIfAny(path)
  }
  if (stats?.isSymbolicLink()) throw unsafe(path, 'a symbolic link')
  if (stats !== undefined && !stats.isDirectory()) throw unsafe(path, 'not a folder')
}

function checkFolders({ base, path }: Place, create: boolean): void {
  for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
    checkFolder(absolute({ base, path: path.slice(0, end) }), create)
  }
}

function openChecked(place: Place, flags: number): number {
  const path = absolute(place)
  let fd: number
  try {
    // NONBLOCK: a named pipe in the file's place must not hang us.
    fd = openSync(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o666)
  } catch (error) {
    if (codeOf(error) === 'ELOOP') throw unsafe(path, 'a symbolic link')
    throw error
  }
  if (fstatSync(fd).isFile()) return fd
  closeSync(fd)
  throw unsafe(path, 'not a regular file')
}

/** @throws {CodedError<'UNSAFE_PATH'>} and system errors */
export function openToRead(place: Place): number {
  checkFolders(place, false)
  return openChecked(place, constants.O_RDONLY)
}

/** Folders that were checked a moment ago need not be again: thousands of small files lie in few of them. */
export type CheckedFolders = Set<string>
const CHECKED_FOLDERS_MAX = 4_096

/** Creates the file and its folders where needed. @throws {CodedError<'UNSAFE_PATH'>} and system errors */
export function openToWrite(place: Place, checked?: CheckedFolders): number {
  const folder = dirname(absolute(place))
  if (checked === undefined || !checked.has(folder)) checkFolders(place, true)
  if (checked !== undefined && checked.size >= CHECKED_FOLDERS_MAX) checked.clear()
  checked?.add(folder)
  return openChecked(place, constants.O_RDWR | constants.O_CREAT)
}
