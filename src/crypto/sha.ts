/**
 * SHA-1 and SHA-256 that run anywhere; in Node prefer `crypto/io/sha.ts`, which is five times faster.
 *
 * Source: FIPS 180-4, through @noble/hashes (audited).
 *
 * @module
 */
import { sha1 as nobleSha1 } from '@noble/hashes/legacy.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'

/** A hash of the bytes given, as a new array. */
export type Hash = (bytes: Uint8Array) => Uint8Array

/** 20 bytes. */
export const sha1: Hash = (bytes) => nobleSha1(bytes)

/** 32 bytes. */
export const sha256: Hash = (bytes) => nobleSha256(bytes)
