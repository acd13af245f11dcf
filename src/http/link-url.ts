/**
 * What a user's http(s) link is: a file or share on one of our nodes, or any URL.
 *
 * @module
 */
import { parseHttpUrl } from './web-seed.ts'

export type NodeLink = {
  /** Where the node is: what `createHttpSource` takes. */
  readonly base: URL
  /** Lower-case hex: an info hash (40 or 64 digits) or a cid (64). */
  readonly hash: string
  /** The file that an info hash was followed by. */
  readonly file?: number
}

const NODE_PATH = /^(.*\/)files?\/([0-9a-fA-F]{40}|[0-9a-fA-F]{64})(?:\/(\d{1,9}))?(?:\/.*)?$/

/**
 * Reads `http://host/file/{hash}…`, with whatever a reverse proxy has put before it; undefined for other
 * URLs.
 *
 * @throws {DecodeError<'URL_MALFORMED' | 'URL_SCHEME' | 'URL_CREDENTIALS'>}
 */
export function parseNodeLink(text: string): NodeLink | undefined {
  const url = parseHttpUrl(text)
  const [, path, hash, file] = NODE_PATH.exec(url.pathname) ?? []
  if (path === undefined || hash === undefined) return undefined
  const base = new URL(url)
  base.pathname = path
  base.search = ''
  return { base, hash: hash.toLowerCase(), ...(file !== undefined && { file: Number(file) }) }
}
