/**
 * Magnet links: parse and format.
 *
 * Source: BEP 9 "magnet URI format", BEP 53 (`so`), BEP 52 (`btmh`: a multihash, 0x12 = SHA-256, 0x20 = 32
 * bytes); `ws` and `xl` by convention of clients. Parameters may be numbered (`tr.1=`), as some sites write
 * them.
 *
 * @module
 */
import { fromHex, toHex } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { type InfoHashV1, type InfoHashV2, infoHashV1, infoHashV2 } from '../base/ids.ts'
import type { Address } from '../base/world.ts'
import { formatAddress, parseAddress } from './address-text.ts'
import { fromBase32 } from './base32.ts'

/** Inclusive file indexes. */
export type FileRange = { readonly first: number; readonly last: number }

export type Magnet = {
  readonly infoHashV1?: InfoHashV1
  readonly infoHashV2?: InfoHashV2
  /** For people: not made safe to be a file name. */
  readonly name?: string
  readonly trackers: readonly string[]
  readonly webSeeds: readonly string[]
  readonly peers: readonly Address[]
  /** Files to fetch; all when absent. */
  readonly selectOnly?: readonly FileRange[]
  /** Bytes of the whole share, as the link claims. */
  readonly length?: number
}

const MAGNET_CHARACTERS_MAX = 65_536
/** Of each kind: trackers, web seeds, peers, file ranges. */
const MAGNET_ITEMS_MAX = 200
const FILE_INDEX_MAX = 0xffff_ffff

const bad = (code: string, message: string) => new DecodeError(code, message)

/** @throws {DecodeError} */
export function parseMagnet(link: string): Magnet {
  if (link.length > MAGNET_CHARACTERS_MAX) throw bad('MAGNET_TOO_LONG', 'the magnet link is too long')
  const query = /^magnet:\?(.*)$/is.exec(link.trim())?.[1]
  if (query === undefined) throw bad('NOT_A_MAGNET', 'a magnet link starts with "magnet:?"')
  const fields = new Map<string, string[]>()
  for (const part of query.split('&')) {
    const cut = part.indexOf('=')
    if (cut <= 0) continue
    const key = part
      .slice(0, cut)
      .toLowerCase()
      .replace(/\.\d+$/, '')
    const values = fields.get(key) ?? []
    if (values.length >= MAGNET_ITEMS_MAX)
      throw bad('MAGNET_TOO_MANY', `more than ${MAGNET_ITEMS_MAX} of "${key}"`)
    values.push(unescapeText(part.slice(cut + 1)))
    fields.set(key, values)
  }
  const list = (key: string) => (fields.get(key) ?? []).filter((value) => value !== '')
  const hashes = parseTopics(list('xt'))
  const name = list('dn')[0]
  const select = list('so').join(',')
  const length = list('xl')[0]
  return {
    ...hashes,
    ...(name !== undefined && { name }),
    trackers: list('tr'),
    webSeeds: list('ws'),
    peers: list('x.pe').map(parseAddress),
    ...(select !== '' && { selectOnly: parseRanges(select) }),
    ...(length !== undefined && { length: parseSize(length) }),
  }
}

function unescapeText(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (cause) {
    throw new DecodeError('MAGNET_ESCAPE', 'a percent escape is malformed or not UTF-8', { cause })
  }
}

function parseTopics(topics: readonly string[]): Pick<Magnet, 'infoHashV1' | 'infoHashV2'> {
  let v1: InfoHashV1 | undefined
  let v2: InfoHashV2 | undefined
  for (const topic of topics) {
    const [, kind, value] = /^urn:(btih|btmh):(.*)$/i.exec(topic) ?? []
    if (kind === undefined || value === undefined) continue
    if (kind.toLowerCase() === 'btih') v1 = once(v1, parseBtih(value))
    else v2 = once(v2, parseBtmh(value))
  }
  if (v1 === undefined && v2 === undefined) throw bad('MAGNET_TOPIC', 'no "xt=urn:btih:" or "xt=urn:btmh:"')
  return { ...(v1 && { infoHashV1: v1 }), ...(v2 && { infoHashV2: v2 }) }
}

function once<T extends Uint8Array>(known: T | undefined, hash: T): T {
  if (known !== undefined && toHex(known) !== toHex(hash)) throw bad('MAGNET_TOPIC', 'two hashes of one kind')
  return hash
}

function parseBtih(value: string): InfoHashV1 {
  if (/^[0-9a-f]{40}$/i.test(value)) return infoHashV1(fromHex(value))
  if (value.length === 32) return infoHashV1(fromBase32(value))
  throw bad('MAGNET_TOPIC', 'btih is 40 hex or 32 base32 characters')
}

function parseBtmh(value: string): InfoHashV2 {
  if (/^1220[0-9a-f]{64}$/i.test(value)) return infoHashV2(fromHex(value.slice(4)))
  throw bad('MAGNET_TOPIC', 'btmh is "1220" and 64 hex characters')
}

function parseSize(text: string): number {
  const size = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(size)) throw bad('MAGNET_NUMBER', 'a size is a decimal number of bytes')
  return size
}

function parseRanges(text: string): FileRange[] {
  const parts = text.split(',')
  if (parts.length > MAGNET_ITEMS_MAX) throw bad('MAGNET_TOO_MANY', `more than ${MAGNET_ITEMS_MAX} of "so"`)
  return parts.map((part) => {
    const [, from, to] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part) ?? []
    const first = Number(from)
    const last = to === undefined ? first : Number(to)
    if (from === undefined || last < first || last > FILE_INDEX_MAX) {
      throw bad('MAGNET_NUMBER', '"so" is file indexes and ranges')
    }
    return { first, last }
  })
}

/** A link with hex hashes, v1 first; what `parseMagnet` gives comes back from it. */
export function formatMagnet(magnet: Partial<Magnet>): string {
  const parts: string[] = []
  const add = (key: string, value: string) => parts.push(`${key}=${encodeURIComponent(value)}`)
  if (magnet.infoHashV1 !== undefined) parts.push(`xt=urn:btih:${toHex(magnet.infoHashV1)}`)
  if (magnet.infoHashV2 !== undefined) parts.push(`xt=urn:btmh:1220${toHex(magnet.infoHashV2)}`)
  if (magnet.name) add('dn', magnet.name)
  if (magnet.length !== undefined) parts.push(`xl=${magnet.length}`)
  for (const tracker of magnet.trackers ?? []) add('tr', tracker)
  for (const seed of magnet.webSeeds ?? []) add('ws', seed)
  for (const peer of magnet.peers ?? []) add('x.pe', formatAddress(peer))
  if (magnet.selectOnly !== undefined && magnet.selectOnly.length > 0) {
    const ranges = magnet.selectOnly.map(({ first, last }) =>
      first === last ? `${first}` : `${first}-${last}`,
    )
    parts.push(`so=${ranges.join(',')}`)
  }
  return `magnet:?${parts.join('&')}`
}
