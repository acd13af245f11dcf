/**
 * SHA-1 and SHA-256 by node:crypto, one shot: the fast form of `crypto/sha.ts`.
 *
 * @module
 */
import { hash } from 'node:crypto'
import type { Hash } from '../sha.ts'

/** 20 bytes. */
export const sha1: Hash = (bytes) => hash('sha1', bytes, 'buffer')

/** 32 bytes. */
export const sha256: Hash = (bytes) => hash('sha256', bytes, 'buffer')
