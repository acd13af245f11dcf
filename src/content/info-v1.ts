/**
 * The v1 half of an info dictionary: `length` or `files`, with BEP 47 padding.
 *
 * Source: BEP 3 "info dictionary", BEP 47 "attr". `name.utf-8` and `path.utf-8` are what older makers wrote
 * beside a name in another character set; they win where present.
 *
 * @module
 */
import { utf8Text } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { type BencodeDict, isDict } from './bencode.ts'
import { bytesField, intField, listField, required, textField } from './bencode-fields.ts'
import type { LayoutFile } from './layout.ts'
import { FILES_MAX } from './piece-space.ts'
import { PathJail, safeComponent } from './safe-path.ts'

export type InfoV1 = {
  readonly singleFile: boolean
  readonly files: readonly (LayoutFile & { readonly executable: boolean })[]
  /** Padding included. */
  readonly totalLength: number
  readonly pieces: Uint8Array
}

/** The share's name, safe. @throws {DecodeError} */
export const shareName = (info: BencodeDict): string =>
  safeComponent(required(textField(info, 'name.utf-8') ?? textField(info, 'name'), 'name'))

/**
 * The flags of BEP 47. @throws {DecodeError<'SYMLINK'>} a link could lead out of the share, and none is made
 * by us.
 */
export function attributes(entry: BencodeDict): { readonly pad: boolean; readonly executable: boolean } {
  const attr = bytesField(entry, 'attr') ?? new Uint8Array(0)
  const has = (flag: string) => attr.includes(flag.charCodeAt(0))
  if (has('l')) throw new DecodeError('SYMLINK', 'symbolic links are not supported')
  return { pad: has('p'), executable: has('x') }
}

/** @throws {DecodeError} */
export function parseInfoV1(info: BencodeDict): InfoV1 {
  const pieces = required(bytesField(info, 'pieces'), 'pieces')
  const list = listField(info, 'files')
  if (list === undefined) {
    const length = required(intField(info, 'length'), 'length')
    const { executable } = attributes(info)
    const files = [{ index: 0, path: shareName(info), length, offset: 0, executable }]
    return { singleFile: true, files, totalLength: length, pieces }
  }
  if (info.has('length')) throw new DecodeError('FILES_AND_LENGTH', 'both "files" and "length" are present')
  if (list.length > 2 * FILES_MAX) throw new DecodeError('TOO_MANY_FILES', `more than ${FILES_MAX} files`)
  const jail = new PathJail()
  const files: InfoV1['files'][number][] = []
  let offset = 0
  for (const entry of list) {
    if (!isDict(entry)) throw new DecodeError('FIELD_TYPE', 'an entry of "files" must be a dictionary')
    const length = required(intField(entry, 'length'), 'length')
    const { pad, executable } = attributes(entry)
    if (!pad) files.push({ index: files.length, path: jail.add(pathOf(entry)), length, offset, executable })
    offset += length
  }
  if (files.length > FILES_MAX) throw new DecodeError('TOO_MANY_FILES', `more than ${FILES_MAX} files`)
  return { singleFile: false, files, totalLength: offset, pieces }
}

function pathOf(entry: BencodeDict): string[] {
  const list = required(listField(entry, 'path.utf-8') ?? listField(entry, 'path'), 'path')
  return list.map((component) => {
    if (!(component instanceof Uint8Array))
      throw new DecodeError('FIELD_TYPE', '"path" must be a list of names')
    return utf8Text(component)
  })
}
