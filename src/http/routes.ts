/**
 * Request targets to routes. Nothing here touches a disk: names are only ever looked up in maps.
 *
 * Source: design section 2 (`/file/...`), Chiral v1 (`/files/...`, `/health`), BEP 19 (`/webseed/...`),
 * RFC 9112 section 3.2 (origin and absolute form).
 *
 *   /health                                        OK
 *   /tally                                         frames of a tally session, POST
 *   /file/{hash}                                   a file: by cid, or by info hash with an index or one file
 *   /file/{hash}[/{file}]/chunk/{i}                its i-th 256 KiB
 *   /file/{hash}[/{file}]/layer/{h}                its tree hashes h levels above the 16 KiB leaves
 *   /file/{infoHash}/have                          our bitfield
 *   /file/{hash}/torrent                           the .torrent of the share
 *   /files/{hash}[/metadata]                       Chiral v1
 *   /webseed/{infoHash}/{name}[/{path}...]         BEP 19
 *
 * @module
 */

/** A file by hash; `file` is the index that an info hash of several files needs. */
export type FileName = { readonly hash: string; readonly file?: number }

export type Route =
  | { readonly kind: 'health' | 'tally' }
  | { readonly kind: 'have' | 'torrent'; readonly hash: string }
  | ({ readonly kind: 'file' | 'metadata' } & FileName)
  | ({ readonly kind: 'chunk'; readonly chunk: number } & FileName)
  | ({ readonly kind: 'layer'; readonly height: number } & FileName)
  | { readonly kind: 'web-seed'; readonly hash: string; readonly path: readonly string[] }

/** Longer targets are answered 414. Ours: a BEP 19 path of a deep tree fits. */
export const TARGET_CHARS_MAX = 4_096
const SEGMENTS_MAX = 64
const HASH = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
const INDEX = /^(?:0|[1-9]\d{0,8})$/

/** The route of a request target, or undefined when there is none (404). */
export function parseRoute(target: string): Route | undefined {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/, 1)[0]!
  const segments = path.split('/')
  if (segments.shift() !== '' || segments.length > SEGMENTS_MAX) return undefined
  const [root, name, ...rest] = segments
  if (name === undefined) return root === 'health' || root === 'tally' ? { kind: root } : undefined
  const hash = name.toLowerCase()
  if (!HASH.test(hash)) return undefined
  switch (root) {
    case 'file':
      return parseFileRoute(hash, rest)
    case 'files':
      if (rest.length === 0) return { kind: 'file', hash }
      return rest.length === 1 && rest[0] === 'metadata' ? { kind: 'metadata', hash } : undefined
    case 'webseed':
      return parseWebSeedRoute(hash, rest)
    default:
      return undefined
  }
}

function parseFileRoute(hash: string, rest: string[]): Route | undefined {
  const file = INDEX.test(rest[0] ?? '') ? { hash, file: Number(rest.shift()) } : { hash }
  const [what, number] = rest
  if (what === undefined) return { kind: 'file', ...file }
  if (rest.length === 1 && file.file === undefined && (what === 'have' || what === 'torrent')) {
    return { kind: what, hash }
  }
  if (rest.length !== 2 || !INDEX.test(number!)) return undefined
  if (what === 'chunk') return { kind: 'chunk', ...file, chunk: Number(number) }
  return what === 'layer' ? { kind: 'layer', ...file, height: Number(number) } : undefined
}

function parseWebSeedRoute(hash: string, rest: string[]): Route | undefined {
  const path: string[] = []
  for (const segment of rest) {
    const text = decodeSegment(segment)
    if (text === undefined) return undefined
    path.push(text)
  }
  return path.length === 0 ? undefined : { kind: 'web-seed', hash, path }
}

/** A decoded path segment, or undefined for what could mean anything but one name. */
function decodeSegment(segment: string): string | undefined {
  let text: string
  try {
    text = decodeURIComponent(segment)
  } catch {
    return undefined
  }
  const unsafe = text === '' || text === '.' || text === '..' || text.includes('/') || text.includes('\0')
  return unsafe ? undefined : text
}

/** What a route may be asked with; the `Allow` header of a 405. */
export const methodsOf = (route: Route): readonly string[] =>
  route.kind === 'tally' ? ['POST'] : ['GET', 'HEAD']
