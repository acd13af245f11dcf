/**
 * For tests: real files, their torrent, and downloads fed from memory by `MemorySource`.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { systemClock, systemRandom } from '../../base/io/system.ts'
import { HashPool } from '../../content/io/hash-pool.ts'
import { makeTorrent } from '../../content/io/make-torrent.ts'
import type { Share } from '../../content/share.ts'
import { MemorySource, type Script, seeded } from '../fixture.ts'
import { type Download, type DownloadSettings, openDownload } from './download.ts'
import { createStoreHost, type StoreHost } from './store-host.ts'

/** A folder that goes away with `using`. */
export function tempFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'tsw-transfer-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export function randomBytes(length: number, seed: number): Uint8Array {
  const random = seeded(seed)
  return Uint8Array.from({ length }, () => Math.floor(random() * 256))
}

export type Sample = {
  readonly share: Share
  /** The file or folder that was shared. */
  readonly rootPath: string
  readonly contents: ReadonlyMap<string, Uint8Array>
  /** Piece space, pad bytes as zeros. */
  readonly data: Uint8Array
}

type SampleOptions = { readonly version: Share['version']; readonly pieceLength?: number }

/** Writes `files` (path: length) below `folder` and makes their torrent. One entry without `/`: a single file. */
export async function createSample(
  folder: string,
  files: Readonly<Record<string, number>>,
  { version, pieceLength = 32_768 }: SampleOptions,
): Promise<Sample> {
  const names = Object.keys(files)
  const single = names.length === 1
  const rootPath = single ? join(folder, names[0]!) : join(folder, 'album')
  const contents = new Map<string, Uint8Array>()
  for (const [i, name] of names.entries()) {
    const path = single ? rootPath : join(rootPath, name)
    mkdirSync(dirname(path), { recursive: true })
    contents.set(name, randomBytes(files[name]!, i + 1))
    writeFileSync(path, contents.get(name)!)
  }
  await using pool = new HashPool({ workersMax: 1 })
  const { share } = await makeTorrent(pool, rootPath, { version, pieceLength })
  const data = new Uint8Array(share.layout.pieceCount * pieceLength)
  for (const file of share.layout.files) data.set(contents.get(file.path)!, file.offset)
  return { share, rootPath, contents, data }
}

/** A node's worth of parts, and folders to download into. */
export class Bench implements AsyncDisposable {
  readonly store: StoreHost = createStoreHost()
  readonly folder = tempFolder()
  readonly outputFolder: string = join(this.folder.path, 'out')
  readonly stateFolder: string = join(this.folder.path, 'state')

  open(share: Share, settings: Partial<DownloadSettings> = {}): Promise<Download> {
    const { outputFolder, stateFolder, store } = this
    const parts = { clock: systemClock, random: systemRandom, store }
    return openDownload({ share, outputFolder, stateFolder, ...settings }, parts)
  }

  read(...path: string[]): Uint8Array {
    return new Uint8Array(readFileSync(join(this.outputFolder, ...path)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]()
    this.folder[Symbol.dispose]()
  }
}

/** Feeds a download from memory until `until`, by default until it is complete. */
export async function feed(
  download: Download,
  sample: Sample,
  {
    script = { label: 'honest' },
    until = () => download.status().state === 'complete',
    between = () => turn(),
  }: FeedOptions = {},
): Promise<MemorySource> {
  const source = new MemorySource(script, sample.share.layout, sample.data)
  source.port = download.attach(source, { priceWeiPerMib: 0n, reputation: 500 })
  source.port.setHaveAll()
  source.port.setReady(true)
  for (let turns = 0; !until(); turns++) {
    if (turns > TURNS_MAX) throw new Error(`stuck: ${JSON.stringify(download.status(), jsonBigint)}`)
    source.step()
    await between()
  }
  return source
}

/** Turns of the event loop after which a test is stuck; each lets the workers answer. */
const TURNS_MAX = 1_000_000
const jsonBigint = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)

export type FeedOptions = {
  readonly script?: Script
  readonly until?: () => boolean
  readonly between?: () => Promise<unknown>
}
