/**
 * Web-seed names: how a `url-list` entry and a path in a torrent make the URL of a file, and the way back.
 *
 * Source: BEP 19 ("Metadata Extension"): an entry that ends in `/` is followed by the torrent's name;
 * torrents of several files always get `/name/path`. An entry of a single-file torrent without the slash is
 * the file itself.
 *
 * @module
 */
import { DecodeError } from '../base/errors.ts'
import type { Share } from '../content/share.ts'

/** A URL we would ask. Ours: longer ones are refused by many servers. */
const URL_CHARS_MAX = 4_096

/**
 * Checks a URL from outside: http or https, no user name in it, not too long.
 *
 * @throws {DecodeError<'URL_MALFORMED' | 'URL_SCHEME' | 'URL_CREDENTIALS'>}
 */
export function parseHttpUrl(text: string): URL {
  const url = text.length <= URL_CHARS_MAX && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) throw new DecodeError('URL_MALFORMED', 'expected an absolute URL')
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new DecodeError('URL_SCHEME', `expected an http or https URL, got ${url.protocol}`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new DecodeError('URL_CREDENTIALS', 'a URL must not carry a user name or password')
  }
  url.hash = ''
  return url
}

/** RFC 3986 `pchar` only: what every server reads alike. */
const encodeSegment = (name: string): string =>
  encodeURIComponent(name.toWellFormed()).replace(
    /['()*!]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )

/** The URL of one file below a checked web-seed URL. */
export function webSeedFileUrl(base: URL, share: Pick<Share, 'name' | 'singleFile'>, path: string): URL {
  const slash = base.pathname.endsWith('/')
  if (share.singleFile && !slash) return base
  const names = share.singleFile ? [share.name] : [share.name, ...path.split('/')]
  const url = new URL(base)
  url.pathname = `${base.pathname}${slash ? '' : '/'}${names.map(encodeSegment).join('/')}`
  return url
}

/**
 * The `url-list` entry under which a share server at `origin` (`http://host:port`) is a web seed of a share.
 */
export const webSeedUrl = (origin: string, infoHashHex: string): string =>
  `${origin.replace(/\/+$/, '')}/webseed/${infoHashHex}/`

/**
 * What a decoded web-seed path names in a share: a file's path, pad bytes (BEP 47: clients that do not know
 * pad files ask for `.pad/N`), or nothing.
 */
export function resolveWebSeedPath(
  share: Pick<Share, 'name' | 'singleFile' | 'infoHashV1' | 'layout'>,
  path: readonly string[],
): { readonly path: string } | { readonly padBytes: number } | undefined {
  const [name, ...rest] = path
  if (name !== share.name) return undefined
  if (share.singleFile) return rest.length === 0 ? { path: share.layout.files[0]!.path } : undefined
  const [folder, pad] = rest
  if (rest.length === 2 && folder === '.pad' && share.infoHashV1 !== undefined && /^\d{1,10}$/.test(pad!)) {
    return Number(pad) < share.layout.pieceLength ? { padBytes: Number(pad) } : undefined
  }
  return rest.length === 0 ? undefined : { path: rest.join('/') }
}
