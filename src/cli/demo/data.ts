/**
 * The demo's share: a folder of pseudo-random files, its torrent, and partial copies of it for the seeders.
 *
 * @module
 */
import { createCipheriv } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HashPool } from '../../content/io/hash-pool.ts'
import { type MadeTorrent, makeTorrent } from '../../content/io/make-torrent.ts'
import type { Share } from '../../content/share.ts'

const CHUNK_BYTES = 1 << 20
const PIECE_BYTES = 1 << 20
/** Shares of the size; odd bytes so that pieces, blocks and leaves end short. */
const FILES = [
  { name: 'film.mkv', fraction: 0.62, extra: 4_321 },
  { name: 'music/album.flac', fraction: 0.3, extra: 17 },
  { name: 'notes.txt', fraction: 0.0001, extra: 1 },
] as const

/** Writes the folder and hashes it. The same bytes each time: AES-CTR of zeros. */
export async function makeDemoShare(
  folder: string,
  { bytes, trackers }: { readonly bytes: number; readonly trackers: readonly string[] },
): Promise<MadeTorrent> {
  const cipher = createCipheriv('aes-128-ctr', new Uint8Array(16), new Uint8Array(16))
  const zeros = new Uint8Array(CHUNK_BYTES)
  const lengths = FILES.map(({ fraction, extra }) => Math.floor(bytes * fraction) + extra)
  const rest = bytes - lengths.reduce((sum, length) => sum + length, 0)
  const all = [
    ...FILES.map(({ name }, i) => ({ name, length: lengths[i]! })),
    { name: 'zine.pdf', length: rest },
  ]
  for (const { name, length } of all) {
    const path = join(folder, name)
    await mkdir(dirname(path), { recursive: true })
    await using file = await open(path, 'w')
    for (let left = length; left > 0; left -= CHUNK_BYTES) {
      await file.write(cipher.update(left < CHUNK_BYTES ? zeros.subarray(0, left) : zeros))
    }
  }
  await using pool = new HashPool()
  return await makeTorrent(pool, folder, { pieceLength: PIECE_BYTES, trackers: trackers.map((url) => [url]) })
}

/** A copy that holds just the pieces in [from, to) of all, as fractions; the rest are holes. */
export async function copyPart(
  share: Share,
  {
    source,
    target,
    ranges,
  }: { source: string; target: string; ranges: readonly (readonly [number, number])[] },
): Promise<number> {
  const { layout } = share
  const buffer = new Uint8Array(layout.pieceLength)
  const inputs = await Promise.all(share.files.map(({ path }) => open(join(source, path), 'r')))
  const outputs = await Promise.all(
    share.files.map(({ path }) => {
      mkdirSync(dirname(join(target, path)), { recursive: true })
      return open(join(target, path), 'w')
    }),
  )
  let copied = 0
  try {
    await Promise.all(share.files.map(({ index, length }) => outputs[index]!.truncate(length)))
    for (const [from, to] of ranges) {
      const last = Math.floor(to * layout.pieceCount)
      for (let piece = Math.floor(from * layout.pieceCount); piece < last; piece++) {
        for (const { file, fileOffset, length } of layout.spans(piece, 0, layout.pieceBytes(piece))) {
          await inputs[file]!.read(buffer, 0, length, fileOffset)
          await outputs[file]!.write(buffer, 0, length, fileOffset)
          copied += length
        }
      }
    }
  } finally {
    await Promise.all([...inputs, ...outputs].map((handle) => handle.close()))
  }
  return copied
}
