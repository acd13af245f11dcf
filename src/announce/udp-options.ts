/**
 * Options behind a UDP announce request: how path and query of a `udp://` URL reach the tracker.
 *
 * Source: BEP 41, "Extension Format" and "Option Types".
 *
 *   type 0      EndOfOptions, one byte, nothing after it is read
 *   type 1      NOP, one byte
 *   type 2      URLData: type 1 | length 1 | data; repeated ones are joined
 *   type >= 3   type 1 | length 1 | data, skipped
 *
 * @module
 */
import { concatBytes } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'

const END_OF_OPTIONS = 0
const NOP = 1
const URL_DATA = 2
const DATA_BYTES_MAX = 255

/**
 * Path and query, empty when the client sent none.
 *
 * @throws {DecodeError<'OPTION_TRUNCATED' | 'URL_DATA_LENGTH'>}
 */
export function decodeUrlData(options: Uint8Array, urlDataBytesMax: number): Uint8Array {
  const parts: Uint8Array[] = []
  let length = 0
  for (let at = 0; at < options.length; ) {
    const type = options[at++]!
    if (type === END_OF_OPTIONS) break
    if (type === NOP) continue
    const end = at + 1 + (options[at] ?? DATA_BYTES_MAX + 1)
    if (end > options.length) throw new DecodeError('OPTION_TRUNCATED', 'an option runs past its packet')
    if (type === URL_DATA) {
      parts.push(options.subarray(at + 1, end))
      length += end - at - 1
    }
    at = end
  }
  if (length > urlDataBytesMax)
    throw new DecodeError('URL_DATA_LENGTH', `URL data is over ${urlDataBytesMax} bytes`)
  return concatBytes(...parts)
}

/**
 * Options that carry `urlData`; none for an empty one, as a packet without options is what every tracker
 * reads.
 */
export function encodeUrlData(urlData: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = []
  for (let at = 0; at < urlData.length; at += DATA_BYTES_MAX) {
    const data = urlData.subarray(at, at + DATA_BYTES_MAX)
    parts.push(Uint8Array.of(URL_DATA, data.length), data)
  }
  return concatBytes(...parts)
}
