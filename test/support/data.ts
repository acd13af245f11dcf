/**
 * Content for tests: the same bytes for the same seed, one file or a tree of two thousand, and a comparison that
 * reads every byte back.
 *
 * @module
 */
import { createCipheriv, createHash } from 'node:crypto'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** `length` bytes that depend on `seed` alone (AES-CTR key stream, so fast and incompressible). */
export function seededBytes(seed: string, length: number): Uint8Array {
  const key = createHash('sha256').update(seed).digest()
  return createCipheriv('aes-256-ctr', key, new Uint8Array(16)).update(new Uint8Array(length))
}

/** Writes one file of `length` bytes at `path`. */
export async function writeSeededFile(path: string, seed: string, length: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, seededBytes(seed, length))
}

/** Sizes around every edge a torrent knows: empty, one byte, a block, a piece, and one more or less of each. */
const EDGE_SIZES = [0, 1, 16_383, 16_384, 16_385, 32_767, 32_768, 32_769, 100_000, 300_001]

export type TreeOptions = { readonly seed: string; readonly files: number }

/** Writes a tree below `root`: nested folders, names beyond ASCII, sizes from 0 to 300,001 bytes. */
export async function writeSeededTree(root: string, { seed, files }: TreeOptions): Promise<void> {
  const sizes = new DataView(seededBytes(`${seed}/sizes`, files * 2).buffer)
  for (let index = 0; index < files; index++) {
    const folder = ['alpha', 'beta/deep', 'gamma with space', 'δέλτα', 'epsilon/a/b/c'][index % 5]!
    const name = `${String(index).padStart(5, '0')}${index % 97 === 0 ? ' – ünïcode' : ''}.bin`
    const length = EDGE_SIZES[index] ?? sizes.getUint16(index * 2) % 9_000
    await writeSeededFile(join(root, folder, name), `${seed}/${index}`, length)
  }
}

/** Relative paths of all files below `root`. */
async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort()
}

/**
 * Differences between two files or two trees, each in words; empty when they are the same byte for byte.
 * At most ten are named. With `skipsEmptyFiles`, a missing file of no bytes is no difference.
 */
export async function differences(
  expected: string,
  actual: string,
  { skipsEmptyFiles } = { skipsEmptyFiles: false },
): Promise<string[]> {
  const found = await stat(actual).catch(() => undefined)
  if (found === undefined) return [`${actual} does not exist`]
  const single = (await stat(expected)).isFile()
  if (single !== found.isFile()) return [`${actual} is ${single ? 'not a file' : 'not a folder'}`]
  const wanted = single ? [''] : await filesBelow(expected)
  const had = single ? [''] : await filesBelow(actual)
  const extra = had.filter((path) => !wanted.includes(path)).map((path) => `${path}: not in the share`)
  const wrong: string[] = extra.slice(0, 5)
  for (const path of wanted) {
    if (wrong.length >= 10) break
    if (!had.includes(path)) {
      if (skipsEmptyFiles && (await stat(join(expected, path))).size === 0) continue
      wrong.push(`${path}: missing`)
      continue
    }
    const [a, b] = await Promise.all([readFile(join(expected, path)), readFile(join(actual, path))])
    if (!a.equals(b)) wrong.push(`${path || actual}: ${b.length} bytes differ from ${a.length} expected`)
  }
  return wrong
}
