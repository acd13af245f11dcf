/**
 * The shares of the matrix: made once for each process, from a seed, and torrents of them by two makers.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeSeededFile, writeSeededTree } from '../support/data.ts'
import { readTorrent, type TorrentFacts } from '../support/torrent.ts'
import { makeWithLibtorrent } from './libtorrent.ts'
import type { Content } from './matrix.ts'
import { makeWithOurs } from './ours.ts'
import type { Format } from './peer.ts'

const SEED = 'tallyswarm interop 1'
const FILE_BYTES = 5 * 1_048_576 + 12_345 // not a multiple of anything
const TREE_FILES = 2_000
const PIECE_BYTES: Record<Content, number> = { file: 65_536, tree: 16_384 }

export type Maker = 'libtorrent' | 'tallyswarm'
export type Fixture = TorrentFacts & { readonly torrent: string }

export type Fixtures = AsyncDisposable & {
  /** A fresh folder below the fixtures' own. */
  folder(): Promise<string>
  /** Where the share of that content lies under its own name. */
  path(content: Content): string
  torrent(maker: Maker, format: Format, content: Content): Promise<Fixture>
}

export async function createFixtures(): Promise<Fixtures> {
  const root = await mkdtemp(join(tmpdir(), 'tallyswarm-interop-'))
  const data = join(root, 'data')
  const path = (content: Content) => join(data, content === 'file' ? 'one file.bin' : 'tree')
  await writeSeededFile(path('file'), SEED, FILE_BYTES)
  await writeSeededTree(path('tree'), { seed: SEED, files: TREE_FILES })

  const made = new Map<string, Promise<Fixture>>()
  const makeTorrent = async (maker: Maker, format: Format, content: Content): Promise<Fixture> => {
    const torrent = join(root, `${maker}-${format}-${content}.torrent`)
    const make = maker === 'libtorrent' ? makeWithLibtorrent : makeWithOurs
    await make(format, path(content), { out: torrent, pieceLength: PIECE_BYTES[content] })
    return { torrent, ...(await readTorrent(torrent)) }
  }
  return {
    path,
    folder: () => mkdtemp(join(root, 'case-')),
    torrent(maker, format, content) {
      const key = `${maker} ${format} ${content}`
      const fixture = made.get(key) ?? makeTorrent(maker, format, content)
      made.set(key, fixture)
      return fixture
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}
