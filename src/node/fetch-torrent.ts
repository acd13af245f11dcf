/**
 * Fetches a .torrent over HTTP, from a URL the user named.
 *
 * @module
 */
import { concatBytes } from '../base/bytes.ts'
import { CodedError } from '../base/errors.ts'
import type { Clock } from '../base/world.ts'
import { DEFAULT_RANGE_SOURCE_SETTINGS } from '../http/contract.ts'
import { HttpClient } from '../http/io/http-client.ts'
import { USER_AGENT } from './version.ts'

/** @throws {CodedError<'NOT_FOUND'>}, and what `HttpClient` throws */
export async function fetchTorrent(
  url: URL,
  {
    clock,
    signal,
    bytesMax,
  }: { readonly clock: Clock; readonly signal: AbortSignal; readonly bytesMax: number },
): Promise<Uint8Array> {
  const client = new HttpClient(
    { ...DEFAULT_RANGE_SOURCE_SETTINGS, trusted: 'any', dialsMax: Number.POSITIVE_INFINITY },
    clock,
  )
  const headers = { 'user-agent': USER_AGENT, accept: 'application/x-bittorrent, */*' }
  const response = await client.send({ url, headers, signal })
  if (response.statusCode !== 200) {
    await client.drop(response)
    throw new CodedError('NOT_FOUND', `${url} answered ${response.statusCode}`)
  }
  const parts: Uint8Array[] = []
  await client.readBody(response, { atMost: bytesMax }, (bytes) => {
    parts.push(bytes.slice())
  })
  return concatBytes(...parts)
}
