/**
 * Whole-file hashes carried beside `info`: {tallyswarm: {files: [{cid: 32 bytes, ed2k: 16 bytes}]}} by file
 * index.
 *
 * They are claims: nothing in the torrent proves them before the file is whole (design section 2). Outside
 * `info` so that the same data has the same info hashes whoever makes the torrent.
 *
 * @module
 */
import { DecodeError } from '../base/errors.ts'
import { type Cid, cid, type Ed2kHash, ed2kHash } from '../base/ids.ts'
import { type BencodeDict, type BencodeInput, isDict } from './bencode.ts'
import { bytesField, dictField, listField, required } from './bencode-fields.ts'

export const CLAIMS_KEY = 'tallyswarm'
export type FileClaim = { readonly cid?: Cid; readonly ed2k?: Ed2kHash }

/** The claims of a torrent by file index, or undefined when it carries none. @throws {DecodeError} */
export function parseClaims(torrent: BencodeDict, fileCount: number): FileClaim[] | undefined {
  const ours = dictField(torrent, CLAIMS_KEY)
  if (ours === undefined) return undefined
  const list = required(listField(ours, 'files'), 'files')
  if (list.length !== fileCount) {
    throw new DecodeError('CLAIMS_COUNT', `claims for ${list.length} files, the torrent has ${fileCount}`)
  }
  return list.map((entry) => {
    if (!isDict(entry)) throw new DecodeError('FIELD_TYPE', 'a claim must be a dictionary')
    const cidBytes = bytesField(entry, 'cid', 32)
    const ed2kBytes = bytesField(entry, 'ed2k', 16)
    return {
      ...(cidBytes !== undefined && { cid: cid(cidBytes) }),
      ...(ed2kBytes !== undefined && { ed2k: ed2kHash(ed2kBytes) }),
    }
  })
}

/** What goes under `CLAIMS_KEY`, or undefined when no file has a claim. */
export function claimsInput(files: readonly FileClaim[]): BencodeInput | undefined {
  if (files.every((file) => file.cid === undefined && file.ed2k === undefined)) return undefined
  return { files: files.map(({ cid, ed2k }) => ({ cid, ed2k })) }
}
