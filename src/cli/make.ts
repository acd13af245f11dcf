/**
 * Making torrents for `share`: hashing with progress, and where the .torrent goes.
 *
 * @module
 */
import { writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { systemClock } from '../base/io/system.ts'
import type { TorrentVersion } from '../content/create.ts'
import { HashPool } from '../content/io/hash-pool.ts'
import { makeTorrent } from '../content/io/make-torrent.ts'
import { isV2PieceLength } from '../content/piece-space.ts'
import type { Share } from '../content/share.ts'
import { parseTrackerUrl } from '../discovery/tracker-url.ts'
import { type Context, typed, UsageError } from './context.ts'
import { formatBytes } from './format.ts'
import { createProgress } from './progress.ts'

export type MakeOptions = {
  readonly format: TorrentVersion
  readonly pieceLength?: string
  readonly private?: boolean
  readonly tracker?: readonly string[]
  readonly webSeed?: readonly string[]
  readonly torrentOut?: string
}

export type Made = { readonly torrentBytes: Uint8Array; readonly share: Share; readonly parent: string }

const trackerOf = (url: string): string => {
  parseTrackerUrl(url)
  return url
}

const webSeedOf = (url: string): string => {
  if (/^https?:/i.test(url) && URL.canParse(url)) return url
  throw new UsageError(`--web-seed takes an http or https URL, got "${url}"`)
}

/** Hashes `path` in workers and makes its torrent. @throws {CodedError} when the path cannot be shared */
export async function make(context: Context, path: string, options: MakeOptions): Promise<Made> {
  const config = await context.config()
  const trackers = options.tracker ?? config.trackers
  const pieceLength = options.pieceLength === undefined ? undefined : Number(options.pieceLength)
  if (pieceLength !== undefined && !isV2PieceLength(pieceLength)) {
    throw new UsageError(
      `--piece-length takes a power of two from 16384 to 2^27, got "${options.pieceLength}"`,
    )
  }
  await using pool = new HashPool()
  const progress = createProgress(process.stderr, systemClock.nowMs)
  const startMs = systemClock.monotonicMs()
  const made = await makeTorrent(pool, resolve(path), {
    version: options.format,
    ...(pieceLength === undefined ? {} : { pieceLength }),
    private: options.private ?? false,
    trackers: trackers.map((url) => [typed('--tracker', url, trackerOf)]),
    webSeeds: (options.webSeed ?? []).map(webSeedOf),
    signal: context.signal,
    onProgress: ({ doneBytes, totalBytes }) => {
      const elapsedS = (systemClock.monotonicMs() - startMs) / 1000
      progress.update({
        name: `hashing ${path}`,
        doneBytes,
        totalBytes,
        bytesPerS: doneBytes / Math.max(elapsedS, 0.001),
        state: 'hashing',
        sources: [],
      })
    },
  })
  progress.clear()
  if (options.torrentOut !== undefined) {
    await writeFile(options.torrentOut, made.torrentBytes)
    context.output.log(`wrote ${options.torrentOut} (${formatBytes(made.torrentBytes.length)})`)
  }
  return { torrentBytes: made.torrentBytes, share: made.share, parent: dirname(resolve(path)) }
}
