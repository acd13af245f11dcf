/**
 * Headers that describe a file to strangers: its type, a safe name to save it under, who may read it from a
 * page.
 *
 * Source: RFC 9110 section 8.3, RFC 6266 (Content-Disposition), RFC 8187 (`filename*`), WHATWG Fetch (CORS).
 *
 * @module
 */

/** Types that cannot run script in a page. Everything else is bytes. */
const TYPES: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  flac: 'audio/flac',
  gif: 'image/gif',
  gz: 'application/gzip',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  json: 'application/json',
  m4a: 'audio/mp4',
  m4v: 'video/mp4',
  md: 'text/plain; charset=utf-8',
  mkv: 'video/x-matroska',
  mov: 'video/quicktime',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  oga: 'audio/ogg',
  ogg: 'audio/ogg',
  ogv: 'video/ogg',
  opus: 'audio/ogg',
  png: 'image/png',
  srt: 'text/plain; charset=utf-8',
  tar: 'application/x-tar',
  txt: 'text/plain; charset=utf-8',
  vtt: 'text/vtt; charset=utf-8',
  wav: 'audio/wav',
  webm: 'video/webm',
  webp: 'image/webp',
  zip: 'application/zip',
  zst: 'application/zstd',
}
export const BYTES_TYPE = 'application/octet-stream'

/** The media type of a file name. */
export function contentType(name: string): string {
  const extension = /\.([a-z0-9]{1,5})$/i.exec(name)?.[1]?.toLowerCase() ?? ''
  return Object.hasOwn(TYPES, extension) ? TYPES[extension]! : BYTES_TYPE
}

/** Content-Disposition that always saves and never names a path; `name` may be anything. */
export function contentDisposition(name: string): string {
  const base = name.split(/[/\\]/).at(-1)!
  const ascii = base.replace(/[^\x20-\x7e]|["%\\]/g, '_').slice(0, 200)
  const plain = `attachment; filename="${ascii === '' ? 'file' : ascii}"`
  if (ascii === base) return plain
  const wellFormed = base.toWellFormed()
  const encoded = encodeURIComponent(wellFormed).replace(
    /['()*!]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return encoded.length > 1_000 ? plain : `${plain}; filename*=UTF-8''${encoded}`
}

/** The CORS headers of a response to `origin`; none where it is not listed. */
export function corsHeaders(
  origin: string | undefined,
  allowed: readonly string[],
): Readonly<Record<string, string>> {
  if (allowed.length === 0) return {}
  const any = allowed.includes('*')
  if (origin === undefined || !(any || allowed.includes(origin))) return any ? {} : { Vary: 'Origin' }
  return {
    'Access-Control-Allow-Origin': any ? '*' : origin,
    'Access-Control-Expose-Headers': 'Accept-Ranges, Content-Range, ETag, Retry-After, TSW-Frames, TSW-Peer',
    ...(any ? {} : { Vary: 'Origin' }),
  }
}

/** What a preflight is answered with, beside `corsHeaders`. */
export const PREFLIGHT_HEADERS: Readonly<Record<string, string>> = {
  'Access-Control-Allow-Methods': 'GET, HEAD, POST',
  'Access-Control-Allow-Headers': 'Range, If-Range, If-Match, If-None-Match, TSW-Frames, TSW-Peer',
  'Access-Control-Max-Age': '86400',
}

/**
 * Retry-After in seconds as milliseconds, at most `maxMs`; undefined for none, for dates and for nonsense.
 */
export function retryAfterMs(header: string | undefined, maxMs: number): number | undefined {
  return header !== undefined && /^\d{1,9}$/.test(header.trim())
    ? Math.min(maxMs, Number(header) * 1_000)
    : undefined
}
