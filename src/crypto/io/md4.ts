/**
 * MD4 for ed2k hashes, by WebAssembly (hash-wasm): OpenSSL 3 no longer offers it. Runs in Node and in
 * browsers; it is in `io/` because loading is asynchronous. Broken as a security hash: it names files, it
 * proves nothing.
 *
 * Source: RFC 1320.
 *
 * @module
 */
import { createMD4 } from 'hash-wasm'
import type { Hash } from '../sha.ts'

/** One hash at a time: `start`, `update` as often as needed, `digest` (16 bytes). */
export type Md4 = {
  start(): void
  update(bytes: Uint8Array): void
  digest(): Uint8Array
  /** All of it in one call. */
  readonly hash: Hash
}

export async function loadMd4(): Promise<Md4> {
  const hasher = await createMD4()
  const md4 = {
    start: () => void hasher.init(),
    update: (bytes: Uint8Array) => void hasher.update(bytes),
    digest: () => hasher.digest('binary'),
    hash: (bytes: Uint8Array) => hasher.init().update(bytes).digest('binary'),
  }
  return md4
}
