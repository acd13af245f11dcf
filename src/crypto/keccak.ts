/**
 * Keccak-256 as Ethereum uses it (the original padding, not SHA3-256).
 *
 * @module
 */
import { keccak_256 } from '@noble/hashes/sha3.js'

/** 32 bytes. */
export const keccak256 = (bytes: Uint8Array): Uint8Array => keccak_256(bytes)
