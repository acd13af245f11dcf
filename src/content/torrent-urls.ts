/**
 * The URLs of a torrent that lie outside `info`: trackers in tiers and web seeds.
 *
 * Source: BEP 3 "announce", BEP 12 "announce-list", BEP 19 "url-list".
 *
 * @module
 */
import { utf8Text } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import type { Bencode, BencodeDict } from './bencode.ts'
import { bytesField, listField } from './bencode-fields.ts'

/** Per kind. The longest public tracker lists have about a hundred. */
const URLS_MAX = 200
const URL_BYTES_MAX = 2_048

/** Non-empty texts of a list; whether a URL's scheme is one we speak is for its user to see. */
function urlsOf(list: readonly Bencode[]): string[] {
  const urls: string[] = []
  for (const entry of list) {
    if (!(entry instanceof Uint8Array)) throw new DecodeError('FIELD_TYPE', 'a URL must be a byte string')
    if (entry.length > URL_BYTES_MAX)
      throw new DecodeError('URL_TOO_LONG', `a URL over ${URL_BYTES_MAX} bytes`)
    if (entry.length > 0) urls.push(utf8Text(entry))
  }
  return urls
}

function limited<T>(items: T[], count: number): T[] {
  if (count > URLS_MAX) throw new DecodeError('TOO_MANY_URLS', `more than ${URLS_MAX} URLs`)
  return items
}

/** Tracker tiers; `announce-list` replaces `announce` where it names any (BEP 12). @throws {DecodeError} */
export function parseTrackers(torrent: BencodeDict): string[][] {
  const tiers = (listField(torrent, 'announce-list') ?? [])
    .map((tier) => {
      if (!Array.isArray(tier)) throw new DecodeError('FIELD_TYPE', 'a tracker tier must be a list')
      return urlsOf(tier)
    })
    .filter((tier) => tier.length > 0)
  if (tiers.length > 0) return limited(tiers, tiers.flat().length)
  const announce = urlsOf([bytesField(torrent, 'announce') ?? new Uint8Array(0)])
  return announce.length > 0 ? [announce] : []
}

/** Web seeds: one URL or a list. @throws {DecodeError} */
export function parseWebSeeds(torrent: BencodeDict): string[] {
  const value = torrent.get('url-list')
  const seeds = urlsOf(value instanceof Uint8Array ? [value] : (listField(torrent, 'url-list') ?? []))
  return limited(seeds, seeds.length)
}
