/**
 * The ed2k hash: MD4 over the MD4 of parts of 9,728,000 bytes.
 *
 * Source: eMule 0.50a, KnownFile.cpp. A file shorter than one part has its only part's hash. Otherwise the
 * hash is over all part hashes joined; a file whose length is an exact multiple of the part length has one
 * more part, which is empty ("MD4 of nothing": 31d6cfe0d16ae931b73c59d7e0c089c0). Older programs left that
 * part out.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { concatBytes } from '../base/bytes.ts'
import { type Ed2kHash, ed2kHash } from '../base/ids.ts'
import type { Hash } from '../crypto/sha.ts'

export const ED2K_PART_BYTES = 9_728_000

/** Parts that have a hash, the empty last one included. At least 1. */
export const ed2kPartCount = (fileLength: number): number => Math.floor(fileLength / ED2K_PART_BYTES) + 1

/** The file's hash out of the hashes of all its parts (16 bytes each, joined). */
export function ed2kRoot(partHashes: Uint8Array, md4: Hash): Ed2kHash {
  assert(partHashes.length >= 16 && partHashes.length % 16 === 0, 'a part hash is 16 bytes')
  return ed2kHash(partHashes.length === 16 ? concatBytes(partHashes) : md4(partHashes))
}
