/**
 * HTTP announce and scrape requests: the query of a GET.
 *
 * Source: BEP 3 ("Trackers"), 7 (`key`), 21 (`paused`), 23 (`compact`, `no_peer_id`), 48 (scrape). The `ip`,
 * `ipv4` and `ipv6` parameters are not read: whoever could set them could point a swarm at somebody else, and
 * BEP 7 now discourages them. A parameter we know may come once (`info_hash` of a scrape apart); others are
 * ignored.
 *
 * @module
 */
import { assert, isUint32 } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { keyOf } from '../content/bencode.ts'
import { type AnnounceEvent, type AnnounceRequest, INFO_HASH_BYTES, PEER_ID_BYTES } from './announce.ts'
import { formatQuery, parseQuery } from './query.ts'

export type HttpAnnounceRequest = AnnounceRequest & {
  /** False only when the client asked for dictionaries (`compact=0`). */
  readonly compact: boolean
  /** Dictionaries without peer ids, please. */
  readonly noPeerId: boolean
  readonly trackerId?: Uint8Array
}

/** 74 escaped hashes fit, as over UDP. */
const QUERY_LIMITS = { charsMax: 6144, fieldsMax: 100 } as const
const SCRAPE_HASHES_MAX = 74
export const TRACKER_ID_BYTES_MAX = 256

const EVENTS: readonly string[] = ['started', 'completed', 'stopped', 'paused'] satisfies AnnounceEvent[]

/**
 * Reads the query of an announce.
 *
 * @throws {DecodeError<'QUERY_LENGTH' | 'QUERY_FIELDS' | 'BAD_ESCAPE' | 'NOT_BYTES' | 'PARAMETER_REPEATED'
 *   | 'PARAMETER_MISSING' | 'PARAMETER_LENGTH' | 'PARAMETER_NUMBER' | 'EVENT'>}
 */
export function parseAnnounceQuery(query: string): HttpAnnounceRequest {
  const fields = new Map<string, Uint8Array>()
  for (const { name, value } of parseQuery(query, QUERY_LIMITS)) {
    if (fields.has(name) && KNOWN.has(name))
      throw new DecodeError('PARAMETER_REPEATED', `${name} comes twice`)
    fields.set(name, value)
  }
  const text = (name: string) => keyOf(fields.get(name) ?? new Uint8Array())
  const event = readEvent(text('event'))
  const key = /^[0-9a-fA-F]{1,8}$/.test(text('key')) ? Number.parseInt(text('key'), 16) : undefined
  const numWant = /^\d+$/.test(text('numwant')) ? readCount(fields, 'numwant', 0xffff_ffff) : undefined
  const trackerId = fields.get('trackerid')
  if (trackerId !== undefined && trackerId.length > TRACKER_ID_BYTES_MAX) throw wrongLength('trackerid')
  return {
    infoHash: readFixed(fields, 'info_hash', INFO_HASH_BYTES),
    peerId: readFixed(fields, 'peer_id', PEER_ID_BYTES),
    port: readCount(fields, 'port', 0xffff),
    uploaded: readCount(fields, 'uploaded'),
    downloaded: readCount(fields, 'downloaded'),
    left: readCount(fields, 'left'),
    ...(event === undefined ? {} : { event }),
    ...(key === undefined ? {} : { key }),
    ...(numWant === undefined ? {} : { numWant }),
    ...(trackerId === undefined ? {} : { trackerId }),
    compact: text('compact') !== '0',
    noPeerId: text('no_peer_id') === '1',
  }
}

const KNOWN: ReadonlySet<string> = new Set(
  'info_hash peer_id port uploaded downloaded left event key numwant trackerid compact no_peer_id'.split(' '),
)

/** `empty` is an old way of saying "none" (BEP 3). */
function readEvent(text: string): AnnounceEvent | undefined {
  if (text === '' || text === 'empty') return undefined
  if (!EVENTS.includes(text)) throw new DecodeError('EVENT', 'no such event')
  return text as AnnounceEvent
}

const wrongLength = (name: string) => new DecodeError('PARAMETER_LENGTH', `${name} has a wrong length`)

function required(fields: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const value = fields.get(name)
  if (value === undefined) throw new DecodeError('PARAMETER_MISSING', `${name} is missing`)
  return value
}

function readFixed(fields: ReadonlyMap<string, Uint8Array>, name: string, length: number): Uint8Array {
  const value = required(fields, name)
  if (value.length !== length) throw wrongLength(name)
  return value
}

/** Counts without a `max` of their own saturate at 2^53 - 1, as over UDP. */
function readCount(
  fields: ReadonlyMap<string, Uint8Array>,
  name: string,
  max = Number.POSITIVE_INFINITY,
): number {
  const digits = keyOf(required(fields, name))
  const value = Number(digits)
  if (!/^\d{1,20}$/.test(digits) || value > max) {
    throw new DecodeError('PARAMETER_NUMBER', `${name} must be a whole number in its range`)
  }
  return Math.min(value, Number.MAX_SAFE_INTEGER)
}

/** The query of an announce, in the order stock clients use (some private trackers look at it). */
export function formatAnnounceQuery(request: HttpAnnounceRequest): string {
  const { infoHash, peerId, key, trackerId } = request
  assert(
    infoHash.length === INFO_HASH_BYTES && peerId.length === PEER_ID_BYTES,
    'hash and peer id have 20 bytes',
  )
  assert(key === undefined || isUint32(key), 'key is a uint32')
  return formatQuery([
    ['info_hash', infoHash],
    ['peer_id', peerId],
    ['port', request.port],
    ['uploaded', request.uploaded],
    ['downloaded', request.downloaded],
    ['left', request.left],
    ['key', key?.toString(16).toUpperCase().padStart(8, '0')],
    ['event', request.event],
    ['numwant', request.numWant],
    ['compact', request.compact ? 1 : 0],
    ['no_peer_id', request.noPeerId ? 1 : undefined],
    ['trackerid', trackerId],
  ])
}

/**
 * The info hashes of a scrape, each once; none means "all", which is for the tracker to refuse.
 *
 * @throws {DecodeError<'QUERY_LENGTH' | 'QUERY_FIELDS' | 'BAD_ESCAPE' | 'NOT_BYTES' | 'PARAMETER_LENGTH'
 *   | 'HASHES_COUNT'>}
 */
export function parseScrapeQuery(query: string, hashesMax = SCRAPE_HASHES_MAX): Uint8Array[] {
  const hashes = new Map<string, Uint8Array>()
  for (const { name, value } of parseQuery(query, QUERY_LIMITS)) {
    if (name !== 'info_hash') continue
    if (value.length !== INFO_HASH_BYTES) throw wrongLength(name)
    hashes.set(toHex(value), value)
  }
  if (hashes.size > hashesMax)
    throw new DecodeError('HASHES_COUNT', `a scrape asks for at most ${hashesMax} swarms`)
  return [...hashes.values()]
}

export const formatScrapeQuery = (infoHashes: readonly Uint8Array[]): string =>
  formatQuery(infoHashes.map((hash) => ['info_hash', hash] as const))
