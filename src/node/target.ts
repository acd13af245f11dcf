/**
 * From what a person pasted to what can be downloaded: reads torrents from disk and URLs, asks HTTP nodes.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { toHex } from '../base/bytes.ts'
import { CodedError, messageOf } from '../base/errors.ts'
import { systemClock } from '../base/io/system.ts'
import type { Address } from '../base/world.ts'
import { parseLink } from '../content/link.ts'
import type { FileRange, Magnet } from '../content/magnet.ts'
import { parseTorrent } from '../content/metainfo.ts'
import type { Share } from '../content/share.ts'
import { sha1, sha256 } from '../crypto/io/sha.ts'
import { mayUseOrigin } from '../discovery/policy.ts'
import { fetchTorrent } from '../http/io/fetch-torrent.ts'
import type { ShareName } from './download.ts'

export type Target = {
  readonly target: Share | ShareName
  readonly torrentBytes?: Uint8Array
  readonly peers: readonly Address[]
  readonly httpNodes: readonly string[]
  /** Ranges of file indexes, as the link has them: the share may have fewer files. */
  readonly chosenFiles?: readonly FileRange[]
  /** The link named a file by its own hash: the torrent that says so is only a claim. */
  readonly checkCids: boolean
}

const hashes = { sha1, sha256 }

function fromTorrent(torrentBytes: Uint8Array, more: Partial<Target> = {}): Target {
  return {
    target: parseTorrent(torrentBytes, hashes),
    torrentBytes,
    peers: [],
    httpNodes: [],
    checkCids: false,
    ...more,
  }
}

const oneFile = (index: number): FileRange[] => [{ first: index, last: index }]

async function fromMagnet(magnet: Magnet, nodes: readonly string[], signal: AbortSignal): Promise<Target> {
  const { infoHashV1, infoHashV2, trackers, webSeeds, peers, selectOnly } = magnet
  const selection = selectOnly ? { chosenFiles: selectOnly } : {}
  const name = {
    ...(infoHashV1 ? { infoHashV1 } : {}),
    ...(infoHashV2 ? { infoHashV2 } : {}),
    trackers: trackers.map((url) => [url]),
    webSeeds,
  }
  if (nodes.length > 0) {
    const torrentBytes = await askNodes(nodes, toHex((infoHashV2 ?? infoHashV1)!), signal)
    if (torrentBytes) {
      const found = fromTorrent(torrentBytes, selection)
      requireNamed(found.target, name)
      return { ...found, peers: mayUseOrigin(found.target as Share, 'magnet') ? peers : [] }
    }
  }
  return { target: name, peers, httpNodes: [], checkCids: false, ...selection }
}

/** A node's torrent must be the one asked for: its info hash is computed, not believed. */
function requireNamed(found: Share | ShareName, asked: ShareName): void {
  const same = (a?: Uint8Array, b?: Uint8Array) => !b || (a !== undefined && toHex(a) === toHex(b))
  if (!same(found.infoHashV1, asked.infoHashV1) || !same(found.infoHashV2, asked.infoHashV2)) {
    throw new CodedError('WRONG_TORRENT', 'the HTTP node answered with the torrent of another share')
  }
}

/** Asks each node the user named; one that fails is passed over. */
async function askNodes(
  nodes: readonly string[],
  hash: string,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  for (const node of nodes) {
    const url = new URL(`file/${hash}`, node.endsWith('/') ? node : `${node}/`)
    const found = await fetchTorrent(url.href, { clock: systemClock, signal }).catch(() => undefined)
    if (found) return found.torrent
  }
  return undefined
}

async function fromUrl(url: string, signal: AbortSignal): Promise<Target> {
  const { torrent, link } = await fetchTorrent(url, { clock: systemClock, signal })
  const found = parseFetched(torrent, url)
  if (!link) return found
  const onNode = { ...found, httpNodes: [link.base.href] }
  const { infoHashV1, infoHashV2 } = found.target
  const named = [infoHashV1, infoHashV2].some((name) => name && toHex(name) === link.hash)
  if (!named) return byCid(onNode, link.hash)
  return link.file === undefined ? onNode : { ...onNode, chosenFiles: oneFile(link.file) }
}

function parseFetched(torrent: Uint8Array, url: string): Target {
  try {
    return fromTorrent(torrent)
  } catch (cause) {
    throw new CodedError('NOT_A_TORRENT', `${url} is no torrent (${messageOf(cause)})`, { cause })
  }
}

/** Only that file of the share, and only if its whole-file hash matches in the end. */
function byCid(found: Target, hash: string): Target {
  const files = (found.target as Share).files
  const index = files.findIndex((file) => file.cid && toHex(file.cid) === hash)
  if (index < 0) throw new CodedError('WRONG_TORRENT', `the node's torrent does not name ${hash}`)
  return { ...found, checkCids: true, ...(files.length > 1 ? { chosenFiles: oneFile(index) } : {}) }
}

/**
 * @throws {CodedError<'NOT_FOUND' | 'WRONG_TORRENT' | 'NOT_A_TORRENT' | 'LINK_UNSUPPORTED'>}
 * @throws {DecodeError} for malformed links and torrents
 */
export async function findTarget(
  text: string,
  { nodes, signal }: { readonly nodes: readonly string[]; readonly signal: AbortSignal },
): Promise<Target> {
  const link = parseLink(text)
  switch (link.kind) {
    case 'path':
      return fromTorrent(await readTorrentFile(link.path))
    case 'magnet':
      return fromMagnet(link.magnet, nodes, signal)
    case 'info-hash':
      return fromMagnet({ infoHashV1: link.infoHashV1, trackers: [], webSeeds: [], peers: [] }, nodes, signal)
    case 'url':
      return fromUrl(link.url, signal)
    case 'cid': {
      const hash = toHex(link.cid)
      const torrentBytes = await askNodes(nodes, hash, signal)
      if (torrentBytes) return byCid(fromTorrent(torrentBytes), hash)
      throw new CodedError(
        'NOT_FOUND',
        'a cid by itself needs --source URL of an HTTP node that has the file',
      )
    }
    case 'ed2k':
      throw new CodedError(
        'LINK_UNSUPPORTED',
        'ed2k links are read (tallyswarm inspect) but not downloaded yet: use a magnet, torrent or URL',
      )
    default:
      return link satisfies never
  }
}

async function readTorrentFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new CodedError('NOT_FOUND', `expected a torrent file, magnet, cid or URL; cannot read "${path}"`, {
      cause,
    })
  }
}
