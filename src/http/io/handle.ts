/**
 * From a request to its answer: route, method, tally session, policy, representation.
 *
 * Source: docs/HTTP.md.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http'
import { concatBytes, toHex } from '../../base/bytes.ts'
import { DecodeError } from '../../base/errors.ts'
import type { PeerId } from '../../base/ids.ts'
import { sha256 } from '../../crypto/io/sha.ts'
import type { Catalog, FileRef, OfferedShare } from '../catalog.ts'
import type { PlainClientPolicy } from '../contract.ts'
import {
  decodeFramesBody,
  decodeFramesHeader,
  FRAMES_BODY_BYTES_MAX,
  PEER_HEADER,
  parsePeerHeader,
  transportId,
} from '../frames.ts'
import { BYTES_TYPE } from '../headers.ts'
import { bytesRepresentation, HttpFault, type Representation } from '../representation.ts'
import { type FileName, methodsOf, parseRoute, type Route, TARGET_CHARS_MAX } from '../routes.ts'
import { resolveWebSeedPath } from '../web-seed.ts'
import {
  chunkRepresentation,
  fileRepresentation,
  type Gate,
  layerRepresentation,
  padRepresentation,
} from './representations.ts'
import { type Exchange, finishJson, type RespondParts, respond } from './respond.ts'
import { ServerSession } from './server-session.ts'

/** One client connection. */
export type Connection = {
  readonly label: string
  session: ServerSession | undefined
  /** Ends the connection; the code is counted. */
  drop(code: string): void
}

export type HandlerParts = Omit<RespondParts, 'session'> & {
  readonly catalog: Catalog
  readonly peerId: PeerId
  readonly plainClients: PlainClientPolicy
  readonly layerGate: Gate
  readonly onSent: (offered: OfferedShare, bytes: number) => void
}

export class RequestHandler {
  readonly #parts: HandlerParts
  #plainResponses = 0

  constructor(parts: HandlerParts) {
    this.#parts = parts
  }

  /** @throws {HttpFault} for what the client is told; DecodeError for malformed tallies */
  async handle(connection: Connection, exchange: Exchange): Promise<void> {
    const { req } = exchange
    const target = req.url ?? ''
    if (target.length > TARGET_CHARS_MAX)
      throw new HttpFault(414, 'TARGET_TOO_LONG', 'the target is too long')
    const route = parseRoute(target)
    if (route === undefined) throw new HttpFault(404, 'NO_SUCH_ROUTE', 'there is nothing under this path')
    const methods = methodsOf(route)
    if (!methods.includes(req.method ?? '')) {
      throw new HttpFault(405, 'METHOD_NOT_ALLOWED', 'this path has other methods', {
        Allow: methods.join(', '),
      })
    }
    if (route.kind === 'tally') return this.#exchangeFrames(connection, exchange)
    if (hasBody(req)) throw new HttpFault(400, 'BODY_UNEXPECTED', 'this request must not have a body')
    if (route.kind === 'health') return this.#health(exchange)
    await this.#serve(connection, exchange, route)
  }

  async #serve(connection: Connection, exchange: Exchange, route: Route): Promise<void> {
    const { catalog } = this.#parts
    const offered = this.#offered(route)
    this.#joinSession(connection, exchange, offered)
    const onSent = (piece: number, begin: number, length: number) => {
      connection.session?.link.sent(piece, begin, length, length)
      this.#parts.onSent(offered, length)
    }
    if (route.kind === 'metadata') {
      return finishJson(exchange, { status: 200, value: chiralMetadata(fileOf(catalog, route)) })
    }
    const body = this.#representation(route, offered, onSent)
    const parts = { ...this.#parts, session: connection.session }
    if (!body.payload || connection.session !== undefined || exchange.req.method === 'HEAD') {
      return respond(exchange, body, parts)
    }
    this.#enterPlain()
    try {
      await respond(exchange, body, parts)
    } finally {
      this.#plainResponses--
    }
  }

  /** The share a route is about. */
  #offered(route: Route): OfferedShare {
    const { catalog } = this.#parts
    const offered = 'hash' in route ? catalog.share(route.hash) : undefined
    if (offered !== undefined) return offered
    if (route.kind === 'have' || route.kind === 'web-seed') throw unknownHash()
    return fileOf(catalog, route as FileName).offered
  }

  #representation(
    route: Route,
    offered: OfferedShare,
    onSent: (piece: number, begin: number, length: number) => void,
  ): Representation {
    const { catalog, layerGate } = this.#parts
    const about = { contentType: BYTES_TYPE, etag: undefined, cache: 'none' } as const
    switch (route.kind) {
      case 'have':
        return bytesRepresentation(offered.reader.have.bytes.slice(), about)
      case 'torrent': {
        const { torrent } = offered.offer
        if (torrent === undefined) throw new HttpFault(404, 'NO_TORRENT', 'the torrent is not offered here')
        const fileName = `${offered.reader.share.name}.torrent`
        return bytesRepresentation(torrent, { ...about, contentType: 'application/x-bittorrent', fileName })
      }
      case 'file':
        return fileRepresentation(fileOf(catalog, route), onSent)
      case 'chunk':
        return chunkRepresentation(fileOf(catalog, route), route.chunk, onSent)
      case 'layer':
        return layerRepresentation(fileOf(catalog, route), route.height, layerGate)
      case 'web-seed':
        return webSeedRepresentation(offered, route.path, onSent)
      default:
        throw new HttpFault(404, 'NO_SUCH_ROUTE', 'there is nothing under this path')
    }
  }

  /** Opens the session that the first request with a peer id starts, and hands over the frames that came. */
  #joinSession(connection: Connection, { req, res }: Exchange, offered: OfferedShare): void {
    const peerText = header(req, PEER_HEADER)
    const { tallyLinks } = offered.offer
    if (connection.session !== undefined) {
      if (connection.session.shareId !== offered.id) {
        throw new HttpFault(
          409,
          'TALLY_OTHER_SHARE',
          'this connection has a tally session about another share',
        )
      }
      if (peerText !== undefined && toHex(connection.session.peer) !== peerText.toLowerCase()) {
        throw new HttpFault(409, 'TALLY_OTHER_PEER', 'this connection has a tally session with another peer')
      }
    } else if (peerText !== undefined && tallyLinks !== undefined) {
      const peer = parsePeerHeader(peerText)
      connection.session = new ServerSession({
        shareId: offered.id,
        peer,
        transport: transportId(peer, this.#parts.peerId, sha256),
        label: connection.label,
        createLink: tallyLinks,
        onViolation: (code) => connection.drop(code),
      })
    }
    if (connection.session !== undefined) res.setHeader(PEER_HEADER, toHex(this.#parts.peerId))
    this.#receiveHeaderFrames(connection, req)
  }

  #receiveHeaderFrames(connection: Connection, req: IncomingMessage): void {
    const frames = header(req, 'TSW-Frames')
    if (frames === undefined) return
    if (connection.session === undefined) throw noSession()
    connection.session.receive(decodeFramesHeader(frames))
  }

  async #exchangeFrames(connection: Connection, { req, res }: Exchange): Promise<void> {
    const { session } = connection
    if (session === undefined) throw noSession()
    this.#receiveHeaderFrames(connection, req)
    session.receive(decodeFramesBody(await readBody(req, FRAMES_BODY_BYTES_MAX)))
    const body = session.takeBody()
    res.writeHead(200, {
      'Content-Type': BYTES_TYPE,
      'Content-Length': body.length,
      'Cache-Control': 'no-store',
    })
    res.end(body)
  }

  /** @throws {HttpFault} 402 or 503 where the policy has no room for a client without tallies */
  #enterPlain(): void {
    const { plainClients } = this.#parts
    if (plainClients === 'refuse') {
      throw new HttpFault(402, 'TALLIES_REQUIRED', 'this node serves clients that leave tallies (TSW-Peer)')
    }
    if (plainClients !== 'serve' && this.#plainResponses >= plainClients.slots) {
      throw new HttpFault(503, 'NO_SLOT', 'all slots for clients without tallies are taken', {
        'Retry-After': '5',
      })
    }
    this.#plainResponses++
  }

  #health({ req, res }: Exchange): void {
    res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 2, 'Cache-Control': 'no-store' })
    res.end(req.method === 'HEAD' ? undefined : 'OK')
  }
}

const unknownHash = () => new HttpFault(404, 'UNKNOWN_HASH', 'nothing with this hash is shared here')
const noSession = () => new HttpFault(409, 'TALLY_NO_SESSION', 'this connection has no tally session')

/** @throws {HttpFault} 404, or 409 where an info hash needs a file index */
function fileOf(catalog: Catalog, name: FileName): FileRef {
  const found = catalog.file(name.hash, name.file)
  if (found === 'unknown') throw unknownHash()
  if (found === 'several-files') {
    throw new HttpFault(
      409,
      'SEVERAL_FILES',
      'this share has several files: name one, /file/{infoHash}/{index}',
    )
  }
  return found
}

function webSeedRepresentation(
  offered: OfferedShare,
  path: readonly string[],
  onSent: (piece: number, begin: number, length: number) => void,
): Representation {
  const found = resolveWebSeedPath(offered.reader.share, path)
  if (found !== undefined && 'padBytes' in found) return padRepresentation(found.padBytes)
  const file = found && offered.fileByPath.get(found.path)
  if (file === undefined) throw new HttpFault(404, 'NO_SUCH_FILE', 'the share has no file of this name')
  return fileRepresentation({ offered, file }, onSent)
}

/**
 * What Chiral v1's `/files/{hash}/metadata` answers. Its `hash` is a tree root; ours too, where there is one.
 */
function chiralMetadata({ offered, file }: FileRef): unknown {
  return {
    hash: file.piecesRoot === undefined ? offered.id : toHex(file.piecesRoot),
    file_hash: file.cid === undefined ? null : toHex(file.cid),
    name: file.path.slice(file.path.lastIndexOf('/') + 1),
    size: file.length,
    encrypted: offered.offer.encrypted ?? false,
  }
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0

/** @throws {HttpFault} 413 */
async function readBody(req: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of req as AsyncIterable<Uint8Array>) {
    bytes += part.length
    if (bytes > bytesMax) throw new HttpFault(413, 'BODY_TOO_LARGE', `at most ${bytesMax} bytes are read`)
    parts.push(part)
  }
  return concatBytes(...parts)
}

/** One header's text. @throws {DecodeError<'HEADER_REPEATED'>} */
function header(req: IncomingMessage, name: string): string | undefined {
  const values = req.headersDistinct[name.toLowerCase()]
  if (values === undefined) return undefined
  if (values.length !== 1) throw new DecodeError('HEADER_REPEATED', `${name} must be sent once`)
  return values[0]
}
