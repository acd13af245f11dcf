/**
 * ed2k file links: parse and format.
 *
 * Source: eMule 0.50a, ED2KLink.cpp (`|file|` links).
 *
 *   ed2k://|file|NAME|SIZE|HASH|p=H1:H2|h=AICH|s=URL|/|sources,HOST:PORT,HOST:PORT|/
 *   NAME percent-escaped; HASH and parts 32 hex; AICH 32 base32 (SHA-1)
 *
 * @module
 */
import { fromHex, toHex } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { type Ed2kHash, ed2kHash } from '../base/ids.ts'
import type { Address } from '../base/world.ts'
import { formatAddress, parseAddress } from './address-text.ts'
import { fromBase32, toBase32 } from './base32.ts'
import { ed2kPartCount } from './ed2k.ts'

export type Ed2kLink = {
  /** For people: not made safe to be a file name. */
  readonly name: string
  readonly length: number
  readonly hash: Ed2kHash
  /** MD4 of each part, 16 bytes each; whether they make `hash` is for `ed2kRoot` to say. */
  readonly partHashes?: readonly Uint8Array[]
  /** 20 bytes, root of eMule's SHA-1 tree (AICH). */
  readonly aichRoot?: Uint8Array
  readonly urls: readonly string[]
  readonly sources: readonly Address[]
}

/** A terabyte's part hashes have 3.6 million characters; eMule's own files end at 256 GiB. */
const ED2K_LINK_CHARACTERS_MAX = 2 ** 20
const ED2K_LENGTH_MAX = 256 * 2 ** 30
const ITEMS_MAX = 200
const HASH_HEX = /^[0-9a-f]{32}$/i

const bad = (code: string, message: string) => new DecodeError(code, message)

/** @throws {DecodeError} */
export function parseEd2kLink(link: string): Ed2kLink {
  if (link.length > ED2K_LINK_CHARACTERS_MAX) throw bad('ED2K_TOO_LONG', 'the ed2k link is too long')
  const body = /^ed2k:\/\/\|file\|(.*)\|\/?$/is.exec(unescapeBars(link.trim()))?.[1]
  if (body === undefined) throw bad('NOT_AN_ED2K_LINK', 'expected ed2k://|file|name|size|hash|/')
  const [main = '', tail = ''] = body.split('|/|', 2)
  const [name = '', size = '', hash = '', ...rest] = main.split('|')
  const length = /^\d{1,16}$/.test(size) ? Number(size) : Number.NaN
  if (!(length <= ED2K_LENGTH_MAX)) throw bad('ED2K_SIZE', 'a size is a decimal number up to 256 GiB')
  if (!HASH_HEX.test(hash)) throw bad('ED2K_HASH', 'an ed2k hash is 32 hex digits')
  if (name === '') throw bad('ED2K_NAME', 'an ed2k link has a name')
  return {
    name: unescapeName(name),
    length,
    hash: ed2kHash(fromHex(hash)),
    ...parseOptions(rest, length),
    sources: parseSources(tail),
  }
}

/** Browsers and chat programs escape the bars themselves. */
const unescapeBars = (link: string) => (/^ed2k:\/\/%7c/i.test(link) ? link.replace(/%7c/gi, '|') : link)

function unescapeName(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    // Many links carry names with a bare percent sign: then the text is the name.
    return name
  }
}

function parseOptions(
  options: readonly string[],
  length: number,
): Pick<Ed2kLink, 'partHashes' | 'aichRoot' | 'urls'> {
  let partHashes: Uint8Array[] | undefined
  let aichRoot: Uint8Array | undefined
  const urls: string[] = []
  for (const option of options) {
    const value = option.slice(2)
    const key = option.slice(0, 2).toLowerCase()
    if (key === 'p=') partHashes = parseParts(value, length)
    else if (key === 'h=') aichRoot = parseAich(value)
    else if (key === 's=' && urls.push(value) > ITEMS_MAX) throw bad('ED2K_TOO_MANY', 'too many URLs')
  }
  return { ...(partHashes && { partHashes }), ...(aichRoot && { aichRoot }), urls }
}

function parseParts(value: string, length: number): Uint8Array[] {
  const parts = value.split(':')
  if (parts.length !== ed2kPartCount(length) || !parts.every((part) => HASH_HEX.test(part))) {
    throw bad('ED2K_PARTS', `expected ${ed2kPartCount(length)} part hashes of 32 hex digits`)
  }
  return parts.map(fromHex)
}

function parseAich(value: string): Uint8Array {
  if (value.length !== 32) throw bad('ED2K_AICH', 'an AICH hash is 32 base32 characters')
  return fromBase32(value)
}

function parseSources(tail: string): Address[] {
  const text = /^sources,(.*?)\|?\/?$/is.exec(tail)?.[1]
  if (text === undefined) return []
  const sources = text.split(',').filter((source) => source !== '')
  if (sources.length > ITEMS_MAX) throw bad('ED2K_TOO_MANY', 'too many sources')
  return sources.map(parseAddress)
}

/** What `parseEd2kLink` gives comes back from it. */
export function formatEd2kLink(link: Pick<Ed2kLink, 'name' | 'length' | 'hash'> & Partial<Ed2kLink>): string {
  const fields = ['file', encodeURIComponent(link.name), String(link.length), toHex(link.hash).toUpperCase()]
  if (link.partHashes !== undefined) {
    fields.push(`p=${link.partHashes.map((hash) => toHex(hash).toUpperCase()).join(':')}`)
  }
  if (link.aichRoot !== undefined) fields.push(`h=${toBase32(link.aichRoot)}`)
  for (const url of link.urls ?? []) fields.push(`s=${url}`)
  const sources = (link.sources ?? []).map(formatAddress)
  const tail = sources.length > 0 ? `|/|sources,${sources.join(',')}` : ''
  return `ed2k://|${fields.join('|')}${tail}|/`
}
