/**
 * HTTP tracker responses: a bencoded dictionary.
 *
 * Source: BEP 3 ("Trackers"), 7 (`peers6`), 21 (`downloaders`), 23 (compact `peers`), 24 (`external ip`), 31
 * (`retry in`), 48 (`files`). Peers named by anything but an IP address are left out: a tracker that could
 * make us resolve names could make us ask for any name.
 *
 * @module
 */
import { toHex } from '../base/bytes.ts'
import { formatIp, parseIp } from '../base/ip.ts'
import {
  type Bencode,
  type BencodeDict,
  decodeBencodeDict,
  encodeBencode,
  isDict,
  keyOf,
} from '../content/bencode.ts'
import { bytesField, dictField, intField, required } from '../content/bencode-fields.ts'
import {
  type AnnounceFailure,
  type AnnouncePeer,
  type AnnounceResponse,
  PEER_ID_BYTES,
  reasonText,
  type ScrapeFigures,
} from './announce.ts'
import { decodeCompactPeers, encodeCompactPeers } from './compact-peers.ts'
import { TRACKER_ID_BYTES_MAX } from './http-request.ts'

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: AnnounceFailure }

/** What a tracker that forgot to say is taken to mean: the usual half hour. */
const DEFAULT_INTERVAL_S = 1800
const UINT32_MAX = 0xffff_ffff

/** One dictionary, whatever the order of its keys: trackers in the wild get it wrong. */
const open = (bytes: Uint8Array) => decodeBencodeDict(bytes, { lenientKeys: true, depthMax: 4 })

/**
 * Reads the answer to an announce; at most `peersMax` peers per list are kept.
 *
 * @throws {DecodeError<BencodeErrorCode | 'FIELD_TYPE' | 'FIELD_RANGE' | 'FIELD_MISSING' | 'PEERS_LENGTH'>}
 */
export function decodeAnnounceResponse(
  bytes: Uint8Array,
  { peersMax }: { readonly peersMax: number },
): Answer<AnnounceResponse> {
  const dict = open(bytes)
  const failure = readFailure(dict)
  if (failure !== undefined) return { ok: false, failure }
  const range = { max: UINT32_MAX }
  const warning = bytesField(dict, 'warning message')
  const trackerId = bytesField(dict, 'tracker id')
  const externalIp = bytesField(dict, 'external ip')
  const known = <K extends string, T>(key: K, value: T | undefined) =>
    (value === undefined ? {} : { [key]: value }) as { [P in K]?: T }
  return {
    ok: true,
    value: {
      intervalS: intField(dict, 'interval', range) ?? DEFAULT_INTERVAL_S,
      ...known('minIntervalS', intField(dict, 'min interval', range)),
      ...known('complete', intField(dict, 'complete', range)),
      ...known('incomplete', intField(dict, 'incomplete', range)),
      peers: [...readPeers(dict.get('peers'), peersMax), ...readPeers6(dict, peersMax)],
      ...known('warning', warning && reasonText(warning)),
      ...known('trackerId', trackerId && trackerId.length <= TRACKER_ID_BYTES_MAX ? trackerId : undefined),
      ...known(
        'externalIp',
        externalIp && [4, 16].includes(externalIp.length) ? formatIp(externalIp) : undefined,
      ),
    },
  }
}

/** BEP 48 spells the key with an underscore, every tracker with a space. */
function readFailure(dict: BencodeDict): AnnounceFailure | undefined {
  const reason = bytesField(dict, 'failure reason') ?? bytesField(dict, 'failure_reason')
  if (reason === undefined) return undefined
  const retry = dict.get('retry in')
  if (typeof retry === 'bigint' && retry > 0n && retry < UINT32_MAX) {
    return { reason: reasonText(reason), retryInS: 60 * Number(retry) }
  }
  const never = retry instanceof Uint8Array && keyOf(retry.subarray(0, 8)) === 'never'
  return { reason: reasonText(reason), ...(never ? { retryInS: Number.POSITIVE_INFINITY } : {}) }
}

function readPeers(peers: Bencode | undefined, peersMax: number): AnnouncePeer[] {
  if (peers instanceof Uint8Array) return decodeCompactPeers(peers, 4, peersMax)
  if (!Array.isArray(peers)) return []
  return peers.slice(0, peersMax).flatMap((peer) => (isDict(peer) ? readPeer(peer) : []))
}

function readPeer(dict: BencodeDict): AnnouncePeer[] {
  const address = parseIp(keyOf(required(bytesField(dict, 'ip'), 'ip').subarray(0, 64)))
  const port = required(intField(dict, 'port', { max: 0xffff }), 'port')
  if (address === undefined || port === 0) return []
  const peerId = bytesField(dict, 'peer id')
  return [{ host: formatIp(address), port, ...(peerId?.length === PEER_ID_BYTES ? { peerId } : {}) }]
}

const readPeers6 = (dict: BencodeDict, peersMax: number) =>
  decodeCompactPeers(bytesField(dict, 'peers6') ?? new Uint8Array(), 16, peersMax)

/** The bytes of an answer: compact lists, or dictionaries for clients that asked for them (`compact=0`). */
export function encodeAnnounceResponse(
  response: AnnounceResponse,
  form: 'compact' | 'dictionary',
): Uint8Array {
  const peers6 = form === 'compact' ? encodeCompactPeers(response.peers, 16) : new Uint8Array()
  return encodeBencode({
    interval: response.intervalS,
    'min interval': response.minIntervalS,
    complete: response.complete,
    incomplete: response.incomplete,
    peers: form === 'compact' ? encodeCompactPeers(response.peers, 4) : response.peers.map(peerDict),
    peers6: peers6.length === 0 ? undefined : peers6,
    'warning message': response.warning,
    'tracker id': response.trackerId,
    'external ip': response.externalIp === undefined ? undefined : parseIp(response.externalIp),
  })
}

const peerDict = ({ host, port, peerId }: AnnouncePeer) => ({
  ip: host,
  port,
  'peer id': peerId,
})

/** Serves announce and scrape alike. */
export function encodeFailure({ reason, retryInS }: AnnounceFailure): Uint8Array {
  const minutes = retryInS === Number.POSITIVE_INFINITY ? 'never' : retryInS && Math.ceil(retryInS / 60)
  return encodeBencode({ 'failure reason': reason, 'retry in': minutes })
}

/**
 * Reads the answer to a scrape of these hashes: figures by info hash in hex; swarms not asked for are not
 * read.
 *
 * @throws {DecodeError<BencodeErrorCode | 'FIELD_TYPE' | 'FIELD_RANGE' | 'FIELD_MISSING'>}
 */
export function decodeScrapeResponse(
  bytes: Uint8Array,
  infoHashes: readonly Uint8Array[],
): Answer<Map<string, ScrapeFigures>> {
  const dict = open(bytes)
  const failure = readFailure(dict)
  if (failure !== undefined) return { ok: false, failure }
  const files = required(dictField(dict, 'files'), 'files')
  const swarms = new Map<string, ScrapeFigures>()
  for (const infoHash of infoHashes) {
    const swarm = dictField(files, keyOf(infoHash))
    if (swarm === undefined) continue
    const downloaders = intField(swarm, 'downloaders')
    swarms.set(toHex(infoHash), {
      complete: intField(swarm, 'complete') ?? 0,
      downloaded: intField(swarm, 'downloaded') ?? 0,
      incomplete: intField(swarm, 'incomplete') ?? 0,
      ...(downloaders === undefined ? {} : { downloaders }),
    })
  }
  return { ok: true, value: swarms }
}

/** The bytes of a scrape's answer. */
export function encodeScrapeResponse(
  swarms: readonly { readonly infoHash: Uint8Array; readonly figures: ScrapeFigures }[],
): Uint8Array {
  return encodeBencode({
    files: new Map(swarms.map(({ infoHash, figures }) => [keyOf(infoHash), { ...figures }])),
  })
}
