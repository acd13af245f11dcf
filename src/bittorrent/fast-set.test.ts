// Goal: the allowed fast set of BEP 6, as its own example has it.
import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { sha1 } from '../crypto/sha.ts'
import { allowedFastSet, fastSetFor } from './fast-set.ts'

const input = { ip: Uint8Array.of(80, 4, 4, 200), infoHash: new Uint8Array(20).fill(0xaa), pieceCount: 1313 }

test('agrees with the vectors of BEP 6', () => {
  deepEqual(allowedFastSet({ ...input, size: 7 }, sha1), [1059, 431, 808, 1217, 287, 376, 1188])
  deepEqual(allowedFastSet({ ...input, size: 9 }, sha1), [1059, 431, 808, 1217, 287, 376, 1188, 353, 508])
})

test('never asks for more pieces than there are', () => {
  deepEqual(allowedFastSet({ ...input, pieceCount: 3, size: 10 }, sha1).toSorted(), [0, 1, 2])
})

test('IPv6 peers get none: BEP 6 has no way for them', () => {
  const share = { infoHash: input.infoHash, pieceCount: 1313 }
  deepEqual(fastSetFor('2001:db8::1', share, sha1), [])
  deepEqual(fastSetFor('80.4.4.200', share, sha1).slice(0, 2), [1059, 431])
})
