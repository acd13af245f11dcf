/**
 * Ed25519 with one strict verdict everywhere: the interface, the checks that come before the curve, and a pure provider.
 *
 * Source: RFC 8032 section 5.1. Refused beyond it: keys and R that are not canonical or of small order, S >= L. The
 * equation is the one without cofactor (S·B = R + h·A, R compared as bytes), as OpenSSL and BoringSSL have it. noble
 * multiplies by the cofactor even with `zip215: false`, so the pure provider compares the points itself.
 *
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { assert } from '../base/assert.ts'
import { bytesEqual, concatBytes } from '../base/bytes.ts'

export const ED25519_KEY_BYTES = 32
export const ED25519_SIGNATURE_BYTES = 64

/** A signing key. `seed` is the secret of RFC 8032 (32 bytes): never log it. */
export type Ed25519Key = { readonly publicKey: Uint8Array; readonly seed: Uint8Array }

/** `verify` never throws on bytes from outside: what is malformed is not valid. */
export type Ed25519 = {
  /** A new key from the system's random source. */
  generate(): Promise<Ed25519Key>
  fromSeed(seed: Uint8Array): Promise<Ed25519Key>
  sign(key: Ed25519Key, message: Uint8Array): Promise<Uint8Array>
  verify(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean>
}

const { Point } = ed25519
/** Prime of the field and order of the base point, RFC 8032 section 5.1. */
const P = 2n ** 255n - 19n
const L = Point.Fn.ORDER

/** The five y that points of order 1, 2, 4 and 8 have: 1, -1, 0 and two of order 8. */
const SMALL_ORDER_Y = [
  0n,
  1n,
  P - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
].map(toLittleEndian)
// As bytes: a comparison with them is a hundredth of making bigints, and each tally needs four.
const P_BYTES = toLittleEndian(P)
const L_BYTES = toLittleEndian(L)

function toLittleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: ED25519_KEY_BYTES }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))
}

/** Compares little-endian numbers of 32 bytes. */
function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  let i = ED25519_KEY_BYTES - 1
  while (i > 0 && a[i] === b[i]) i--
  return a[i]! < b[i]!
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!)
  return value
}

/** 32 bytes, canonical, not of small order. Whether they are on the curve shows later. */
export function isStrictPublicKey(point: Uint8Array): boolean {
  if (point.length !== ED25519_KEY_BYTES) return false
  const y = Uint8Array.from(point)
  y[31]! &= 0x7f // the sign of x
  return isBelow(y, P_BYTES) && !SMALL_ORDER_Y.some((weak) => bytesEqual(weak, y))
}

/** Length, S < L and the form of key and R: what libraries differ in. Every provider calls this before its library. */
export function passesStrictChecks(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return (
    signature.length === ED25519_SIGNATURE_BYTES &&
    isBelow(signature.subarray(32), L_BYTES) &&
    isStrictPublicKey(publicKey) &&
    isStrictPublicKey(signature.subarray(0, 32))
  )
}

function verifySync(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): boolean {
  if (!passesStrictChecks(publicKey, signature)) return false
  const r = signature.subarray(0, 32)
  try {
    const key = Point.fromBytes(publicKey, false)
    const h = littleEndian(sha512(concatBytes(r, publicKey, message))) % L
    const s = littleEndian(signature.subarray(32))
    const expected = Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(h))
    return bytesEqual(expected.toBytes(), r)
  } catch {
    return false // not a point
  }
}

/** Ed25519 in plain JavaScript (noble), for where nothing native is; about 1 ms an operation, on the caller's thread. */
export function createPureEd25519(): Ed25519 {
  const fromSeed = (seed: Uint8Array): Ed25519Key => {
    assert(seed.length === 32, 'a seed is 32 bytes')
    return { seed, publicKey: ed25519.getPublicKey(seed) }
  }
  return {
    generate: async () => fromSeed(ed25519.utils.randomSecretKey()),
    fromSeed: async (seed) => fromSeed(seed),
    sign: async (key, message) => ed25519.sign(message, key.seed),
    verify: async (publicKey, signature, message) => verifySync(publicKey, signature, message),
  }
}
