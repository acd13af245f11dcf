/**
 * The shares a node keeps seeding: one JSON and one .torrent each in HOME/shares, read by `up` at start.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { toHex } from '../base/bytes.ts'
import { messageOf } from '../base/errors.ts'
import { parseTorrent } from '../content/metainfo.ts'
import type { Share } from '../content/share.ts'
import { sha1, sha256 } from '../crypto/io/sha.ts'
import type { Home } from './home.ts'
import { writePrivately } from './keys.ts'

const EntrySchema = v.strictObject({
  name: v.string(),
  rootPath: v.string(),
  priceWeiPerMib: v.pipe(
    v.string(),
    v.regex(/^\d{1,39}$/),
    v.transform((text: string) => BigInt(text)),
  ),
  discovery: v.boolean(),
  stamp: v.string(),
})

export type KeptShare = {
  readonly share: Share
  readonly torrentBytes: Uint8Array
  /** The file or folder with the data. */
  readonly rootPath: string
  readonly priceWeiPerMib: bigint
  readonly discovery: boolean
}

/** Sizes and times of the files: while it stays the same, what was verified need not be hashed again. */
async function stampOf({ share, rootPath }: Pick<KeptShare, 'share' | 'rootPath'>): Promise<string> {
  const hash = createHash('sha256')
  for (const { path } of share.files) {
    const { size, mtimeMs } = await stat(share.singleFile ? rootPath : join(rootPath, path))
    hash.update(`${path}\0${size}\0${mtimeMs}\n`)
  }
  return hash.digest('hex')
}

/** 'sizes' when the files are as they were when they were verified, else 'hash'. */
async function checkNeeded(kept: KeptShare, stamp: string): Promise<'hash' | 'sizes'> {
  return stamp !== '' && (await stampOf(kept).catch(() => '')) === stamp ? 'sizes' : 'hash'
}

export const shareKey = (share: Pick<Share, 'infoHashV1' | 'infoHashV2'>): string =>
  toHex((share.infoHashV2 ?? share.infoHashV1)!)

/** `whole`: every piece of it was verified just now. What is not is hashed again at the next start. */
export async function keepShare(
  home: Home,
  kept: KeptShare,
  { whole }: { readonly whole: boolean },
): Promise<void> {
  await mkdir(home.shares, { recursive: true, mode: 0o700 })
  const key = shareKey(kept.share)
  await writeFile(join(home.shares, `${key}.torrent`), kept.torrentBytes, { mode: 0o600 })
  const entry = {
    name: kept.share.name,
    rootPath: kept.rootPath,
    priceWeiPerMib: kept.priceWeiPerMib.toString(),
    discovery: kept.discovery,
    stamp: whole ? await stampOf(kept) : '',
  }
  await writePrivately(join(home.shares, `${key}.json`), `${JSON.stringify(entry, null, 2)}\n`)
}

/** All kept shares; one that cannot be read is named to `log` and left out. */
export async function keptShares(
  home: Home,
  log: (line: string) => void,
): Promise<(KeptShare & { readonly check: 'hash' | 'sizes' })[]> {
  const names = await readdir(home.shares).catch(() => [])
  const kept: (KeptShare & { readonly check: 'hash' | 'sizes' })[] = []
  for (const name of names.filter((entry) => entry.endsWith('.json')).sort()) {
    const file = join(home.shares, name)
    try {
      const entry = v.parse(EntrySchema, JSON.parse(await readFile(file, 'utf8')))
      const torrentBytes = await readFile(file.replace(/\.json$/, '.torrent'))
      const { stamp, ...rest } = entry
      const share = { share: parseTorrent(torrentBytes, { sha1, sha256 }), torrentBytes, ...rest }
      kept.push({ ...share, check: await checkNeeded(share, stamp) })
    } catch (error) {
      log(`left out ${file}: ${messageOf(error)}`)
    }
  }
  return kept
}
