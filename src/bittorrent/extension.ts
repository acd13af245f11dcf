/**
 * The extension handshake: which extensions a peer takes under which numbers, and what it tells about itself.
 *
 * Source: BEP 10, BEP 9 (`metadata_size`), BEP 21 (`upload_only`). Extension message 0 holds a bencoded dictionary:
 *
 *   m              dictionary  extension name -> the number to send it under; 0 switches it off
 *   v              text        name and version of the client
 *   p              integer     its listening port
 *   reqq           integer     requests it queues
 *   metadata_size  integer     bytes of the info dictionary
 *   upload_only    integer     1 when it wants nothing
 *
 * @module
 */
import { type BencodeDict, decodeBencodeDict, encodeBencode } from '../content/bencode.ts'
import { bytesField, dictField, intField } from '../content/bencode-fields.ts'

/** What we tell others we are (`v`). */
export const CLIENT_NAME = 'Tallyswarm 0.1.0'
export const EXTENSION_HANDSHAKE_ID = 0
/** The extensions we know; the numbers are those we receive them under. */
export const EXTENSION_IDS = { ut_metadata: 1, tsw: 2 } as const
export type ExtensionName = keyof typeof EXTENSION_IDS

export type ExtensionHandshake = {
  /** Numbers to send under; an absent name is not spoken, 0 was switched off. */
  readonly ids: Partial<Record<ExtensionName, number>>
  readonly client?: string
  readonly listenPort?: number
  readonly requestQueue?: number
  readonly metadataBytes?: number
  readonly uploadOnly?: boolean
}

const CLIENT_NAME_CHARACTERS_MAX = 64

/**
 * Absent keys stay absent: a later handshake changes only what it names.
 *
 * @throws {DecodeError<BencodeErrorCode | 'FIELD_TYPE' | 'FIELD_RANGE'>}
 */
export function decodeExtensionHandshake(payload: Uint8Array): ExtensionHandshake {
  const dict = decodeBencodeDict(payload, { lenientKeys: true })
  const client = bytesField(dict, 'v')
  const listenPort = intField(dict, 'p', { max: 65_535 })
  const requestQueue = intField(dict, 'reqq', { max: 0xffff_ffff })
  const metadataBytes = intField(dict, 'metadata_size')
  const uploadOnly = intField(dict, 'upload_only')
  return {
    ids: idsOf(dictField(dict, 'm')),
    ...(client && { client: clientName(client) }),
    ...(listenPort && { listenPort }),
    ...(requestQueue && { requestQueue }),
    ...(metadataBytes && { metadataBytes }),
    ...(uploadOnly !== undefined && { uploadOnly: uploadOnly > 0 }),
  }
}

function idsOf(m: BencodeDict | undefined): ExtensionHandshake['ids'] {
  const ids: Partial<Record<ExtensionName, number>> = {}
  if (m === undefined) return ids
  for (const name of Object.keys(EXTENSION_IDS) as ExtensionName[]) {
    const id = intField(m, name, { max: 255 })
    if (id !== undefined) ids[name] = id
  }
  return ids
}

/** For people: printable ASCII only, whatever the peer sent. */
const clientName = (bytes: Uint8Array): string =>
  Array.from(bytes.subarray(0, CLIENT_NAME_CHARACTERS_MAX), (value) =>
    value >= 0x20 && value < 0x7f ? String.fromCharCode(value) : '?',
  ).join('')

export function encodeExtensionHandshake(handshake: ExtensionHandshake): Uint8Array {
  return encodeBencode({
    m: handshake.ids as Readonly<Record<string, number>>,
    v: handshake.client,
    p: handshake.listenPort,
    reqq: handshake.requestQueue,
    metadata_size: handshake.metadataBytes,
    upload_only: handshake.uploadOnly === undefined ? undefined : Number(handshake.uploadOnly),
  })
}
