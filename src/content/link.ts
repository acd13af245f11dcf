/**
 * Tells apart whatever a person may paste after `get`.
 *
 * @module
 */
import { fromHex } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { type Cid, cid, type InfoHashV1, infoHashV1 } from '../base/ids.ts'
import { type Ed2kLink, parseEd2kLink } from './ed2k-link.ts'
import { type Magnet, parseMagnet } from './magnet.ts'

export type Link =
  | { readonly kind: 'magnet'; readonly magnet: Magnet }
  | { readonly kind: 'ed2k'; readonly ed2k: Ed2kLink }
  /** 64 hex digits. They could be a v2 info hash too: a magnet (`btmh`) says that one without doubt. */
  | { readonly kind: 'cid'; readonly cid: Cid }
  | { readonly kind: 'info-hash'; readonly infoHashV1: InfoHashV1 }
  | { readonly kind: 'url'; readonly url: string }
  /** A file on disk, nothing checked. */
  | { readonly kind: 'path'; readonly path: string }

/** @throws {DecodeError} for a link whose kind is clear and whose content is bad, and for empty text. */
export function parseLink(text: string): Link {
  const link = text.trim()
  if (/^magnet:/i.test(link)) return { kind: 'magnet', magnet: parseMagnet(link) }
  if (/^ed2k:/i.test(link)) return { kind: 'ed2k', ed2k: parseEd2kLink(link) }
  if (/^[0-9a-f]{64}$/i.test(link)) return { kind: 'cid', cid: cid(fromHex(link)) }
  if (/^[0-9a-f]{40}$/i.test(link)) return { kind: 'info-hash', infoHashV1: infoHashV1(fromHex(link)) }
  if (/^https?:\/\//i.test(link)) {
    if (!URL.canParse(link)) throw new DecodeError('BAD_URL', 'not a well-formed URL')
    return { kind: 'url', url: link }
  }
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(link)?.[1]
  if (scheme !== undefined) throw new DecodeError('UNKNOWN_SCHEME', `links of "${scheme}:" are not known`)
  if (link === '' || link.includes('\0')) throw new DecodeError('EMPTY_LINK', 'expected a link or a path')
  return { kind: 'path', path: link }
}
