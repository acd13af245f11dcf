/**
 * Tracker URLs: where to send an announce or a scrape.
 *
 * Source: BEP 3 (`announce`), 15 (`udp://host:port`), 41 (path and query over UDP), 48 (the scrape URL).
 *
 * @module
 */
import { DecodeError } from '../base/errors.ts'

export type TrackerUrl = {
  readonly scheme: 'http' | 'https' | 'udp'
  /** A name or an IP literal, no brackets. */
  readonly host: string
  readonly port: number
  /** From the path's slash; a passkey may be in either part. */
  readonly pathAndQuery: string
}

const URL_CHARS_MAX = 2048
const DEFAULT_PORTS = { http: 80, https: 443, udp: 80 } as const

/** @throws {DecodeError<'TRACKER_URL'>} */
export function parseTrackerUrl(text: string): TrackerUrl {
  if (text.length > URL_CHARS_MAX) throw bad('is too long')
  const scheme = /^(https?|udp):\/\//i.exec(text)?.[1]?.toLowerCase() as
    | keyof typeof DEFAULT_PORTS
    | undefined
  if (scheme === undefined) throw bad('must start with http://, https:// or udp://')
  // URL reads hosts properly for schemes it knows only; http has the default port that udp is taken to have.
  const known = scheme === 'udp' ? `http${text.slice('udp'.length)}` : text
  if (!URL.canParse(known)) throw bad('is malformed')
  const url = new URL(known)
  if (url.username !== '' || url.password !== '') throw bad('must not hold a user name')
  if (url.port === '0') throw bad('has port 0')
  return {
    scheme,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? DEFAULT_PORTS[scheme] : Number(url.port),
    pathAndQuery: url.pathname + url.search,
  }
}

/** What is wrong, without the URL: it may hold a passkey. */
const bad = (why: string) => new DecodeError('TRACKER_URL', `the tracker URL ${why}`)

/** `path?query` with more query added. */
export const withQuery = (pathAndQuery: string, query: string): string =>
  `${pathAndQuery}${pathAndQuery.includes('?') ? '&' : '?'}${query}`

/**
 * The path for scrapes: the last part must begin with `announce` (BEP 48 and custom); undefined when it does
 * not.
 */
export function scrapePath(pathAndQuery: string): string | undefined {
  const [path = '', ...query] = pathAndQuery.split('?')
  const slash = path.lastIndexOf('/') + 1
  if (!path.startsWith('announce', slash)) return undefined
  return [`${path.slice(0, slash)}scrape${path.slice(slash + 'announce'.length)}`, ...query].join('?')
}

/** For logs and people: no path, as it may hold a passkey. */
export function trackerLabel(text: string): string {
  try {
    const { scheme, host, port } = parseTrackerUrl(text)
    return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
  } catch {
    return 'malformed tracker URL'
  }
}

/** Where a `Location` leads; undefined when that is no web address, or would leave TLS. */
export function redirectTarget(location: string, from: URL): URL | undefined {
  if (location.length > URL_CHARS_MAX || !URL.canParse(location, from.href)) return undefined
  const url = new URL(location, from)
  const allowed = from.protocol === 'https:' ? ['https:'] : ['http:', 'https:']
  return allowed.includes(url.protocol) ? url : undefined
}
