/**
 * Gets a .torrent that a user's link leads to: from one of our nodes by hash, or from any server by its own
 * URL.
 *
 * @module
 */
import { CodedError } from '../../base/errors.ts'
import type { Clock } from '../../base/world.ts'
import { DEFAULT_RANGE_SOURCE_SETTINGS } from '../contract.ts'
import { type NodeLink, parseNodeLink } from '../link-url.ts'
import { parseHttpUrl } from '../web-seed.ts'
import { HttpClient } from './http-client.ts'

/** Ours: a torrent of two million pieces in both versions. */
const TORRENT_BYTES_MAX = 128 << 20

export type FetchedTorrent = {
  /** Not parsed yet: bytes of a stranger. */
  readonly torrent: Uint8Array
  /** Set when the link named something on one of our nodes: that node is a source too. */
  readonly link?: NodeLink
}

/**
 * Fetches for a user: the URL may name any host, redirects only public ones.
 *
 * Rejects with CodedError `TORRENT_NOT_FOUND`, those of `HttpClient`, and DecodeError for what is no URL.
 */
export async function fetchTorrent(
  url: string,
  parts: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<FetchedTorrent> {
  const link = parseNodeLink(url)
  const target = link === undefined ? parseHttpUrl(url) : new URL(`file/${link.hash}/torrent`, link.base)
  const client = new HttpClient(
    {
      ...DEFAULT_RANGE_SOURCE_SETTINGS,
      trusted: { origin: target.origin },
      dialsMax: Number.POSITIVE_INFINITY,
    },
    parts.clock,
  )
  try {
    const response = await client.send({ url: target, signal: parts.signal })
    if (response.statusCode !== 200) {
      await client.drop(response)
      throw new CodedError(
        'TORRENT_NOT_FOUND',
        `${target.host} answered ${response.statusCode} for the torrent`,
        {
          details: { status: response.statusCode! },
        },
      )
    }
    const torrent = await client.readSmall(response, TORRENT_BYTES_MAX)
    return { torrent, ...(link !== undefined && { link }) }
  } finally {
    client.close()
  }
}
