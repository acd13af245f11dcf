/**
 * The path jail: names that others chose may become files only below the folder we chose.
 *
 * Source: BEP 3 "path", BEP 52 "file tree" (which asks to sanitise). We refuse instead of renaming: a renamed
 * file would no longer be the one that a web seed or another client serves by its name.
 *
 * @module
 */
import { utf8 } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'

/** What most file systems take for one name (NAME_MAX), in UTF-8. */
const COMPONENT_BYTES_MAX = 255
/** Half of Linux's PATH_MAX, which leaves room for the folder the share lies in. */
const PATH_BYTES_MAX = 2_048
const COMPONENTS_MAX = 64

type UnsafePathCode =
  | 'PATH_EMPTY'
  | 'PATH_TRAVERSAL'
  | 'PATH_CHARACTER'
  | 'PATH_RESERVED'
  | 'PATH_TOO_LONG'
  | 'PATH_CLASH'

// Names of devices on Windows, with or without an extension; and what it would read as a drive.
const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$|^[a-z]:/i

const unsafe = (code: UnsafePathCode, message: string, component: string) =>
  new DecodeError(code, `${message}: ${JSON.stringify(component.slice(0, 80))}`)

/**
 * True for C0, DEL and C1 controls (NUL among them), separators of any system, and halves of surrogate pairs.
 */
function isForbidden(code: number): boolean {
  const control = code < 0x20 || (code >= 0x7f && code < 0xa0)
  return control || code === 0x2f || code === 0x5c || (code >= 0xd800 && code <= 0xdfff)
}

/** In UTF-8, which takes at most three bytes for a unit of a string. */
const isLonger = (text: string, bytesMax: number): boolean =>
  3 * text.length > bytesMax && utf8(text).length > bytesMax

/**
 * One name of a file or folder, returned as given.
 *
 * @throws {DecodeError<UnsafePathCode>}
 */
export function safeComponent(component: string): string {
  if (component === '') throw unsafe('PATH_EMPTY', 'an empty name', component)
  if (component === '.' || component === '..') throw unsafe('PATH_TRAVERSAL', 'not a name', component)
  for (const character of component) {
    if (isForbidden(character.codePointAt(0)!)) {
      throw unsafe('PATH_CHARACTER', 'a separator or control character in a name', component)
    }
  }
  if (RESERVED.test(component)) throw unsafe('PATH_RESERVED', 'a name Windows reserves', component)
  if (utf8(component).length > COMPONENT_BYTES_MAX)
    throw unsafe('PATH_TOO_LONG', 'a name too long', component)
  return component
}

/**
 * The `/`-joined relative path of safe components.
 *
 * @throws {DecodeError<UnsafePathCode>}
 */
export function safePath(components: readonly string[]): string {
  if (components.length === 0) throw unsafe('PATH_EMPTY', 'a path without names', '')
  if (components.length > COMPONENTS_MAX) throw unsafe('PATH_TOO_LONG', 'a path too deep', components[0]!)
  const path = components.map(safeComponent).join('/')
  if (isLonger(path, PATH_BYTES_MAX)) throw unsafe('PATH_TOO_LONG', 'a path too long', path)
  return path
}

/** Names that some file system takes for one: case, Unicode form, and dots and spaces that Windows drops. */
const folded = (path: string) =>
  path
    .normalize('NFC')
    .toLowerCase()
    .split('/')
    .map((component) => component.replace(/[. ]+$/, '') || component)
    .join('/')

/**
 * The paths of one share: refuses the second of two that would be one file, or a file that is also a folder.
 */
export class PathJail {
  readonly #files = new Set<string>()
  readonly #folders = new Set<string>()

  /** The safe path. @throws {DecodeError<UnsafePathCode>} */
  add(components: readonly string[]): string {
    const path = safePath(components)
    const key = folded(path)
    if (this.#files.has(key) || this.#folders.has(key))
      throw unsafe('PATH_CLASH', 'two files of one name', path)
    this.#files.add(key)
    for (let end = key.lastIndexOf('/'); end > 0; end = key.lastIndexOf('/', end - 1)) {
      const folder = key.slice(0, end)
      if (this.#folders.has(folder)) break
      if (this.#files.has(folder)) throw unsafe('PATH_CLASH', 'a folder that is also a file', path)
      this.#folders.add(folder)
    }
    return path
  }
}
