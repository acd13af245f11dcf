/**
 * For tests: a share in memory (real torrent bytes, real hashes, a reader over the files' bytes), and a plain
 * client.
 *
 * @module
 */
import { request } from 'node:http'
import { concatBytes } from '../../base/bytes.ts'
import { sortFiles, type TorrentVersion } from '../../content/create.ts'
import type { Share } from '../../content/share.ts'
import { memoryReader, shareOf } from '../../transfer/memory.fixture.ts'
import type { ShareReader } from '../../transfer/reader.ts'
import type { ShareServer } from '../contract.ts'

export type TestShare = {
  readonly share: Share
  readonly reader: ShareReader
  readonly torrent: Uint8Array
  /** The files' bytes by index. */
  readonly contents: readonly Uint8Array[]
}

/** Bytes that differ everywhere, the same for the same seed. */
export function testBytes(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed * 2_654_435_761 || 1
  for (let i = 0; i < length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[i] = state
  }
  return bytes
}

export type TestShareInput = {
  readonly version?: TorrentVersion
  readonly pieceLength?: number
  /** One entry: a single-file share of that name. */
  readonly files: Readonly<Record<string, Uint8Array>>
  readonly webSeeds?: readonly string[]
}

export function testShare({
  version = 'hybrid',
  pieceLength = 32_768,
  files,
  webSeeds = [],
}: TestShareInput): TestShare {
  const sorted = sortFiles(
    Object.entries(files).map(([path, content]) => ({ path, content, length: content.length })),
  )
  const made = shareOf({ version, pieceLength, files: sorted, withCids: true, webSeeds })
  const { share, torrentBytes: torrent, data } = made
  return { share, reader: memoryReader(share, data), torrent, contents: sorted.map(({ content }) => content) }
}

export type Answer = { status: number; headers: Record<string, string>; body: Uint8Array; text: string }

/** One request on a connection of its own. */
export function ask(
  server: ShareServer,
  path: string,
  {
    method = 'GET',
    headers = {},
    body,
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { host, port } = server.address
    const req = request({ host, port, path, method, headers, agent: false }, async (res) => {
      const chunks: Uint8Array[] = []
      try {
        for await (const chunk of res) chunks.push(chunk)
      } catch (error) {
        return reject(error)
      }
      const bytes = concatBytes(...chunks)
      resolve({
        status: res.statusCode!,
        headers: res.headers as Record<string, string>,
        body: bytes,
        text: Buffer.from(bytes).toString(),
      })
    })
    req.on('error', reject)
    req.end(body)
  })
}
