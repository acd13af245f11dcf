/**
 * BLS signatures of long-lived identities (keys in G1, signatures in G2): the interface, and a pure provider.
 *
 * Source: draft-irtf-cfrg-bls-signature-05, suite BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_; proofs of possession
 * under its own tag (section 3.3). A batch is checked with random 64-bit weights (ethresear.ch 5407), so that two
 * mauled signatures cannot cancel each other; the weights come from the system's random source and cannot be injected.
 *
 * @module
 */
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { randomBytes } from '@noble/hashes/utils.js'
import { toHex, viewOf } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'

export const BLS_PUBLIC_KEY_BYTES = 48
export const BLS_SIGNATURE_BYTES = 96
export const BLS_SUITE = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_'
export const BLS_POSSESSION_SUITE = 'BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_'

/** `secret` is a 32-byte big-endian scalar, not zero, below the group's order: never log it. */
export type BlsKey = { readonly publicKey: Uint8Array; readonly secret: Uint8Array }
export type BlsItem = {
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** The `verify…` functions never throw on bytes from outside: points off the subgroup and infinity are not valid. */
export type Bls = {
  generate(): BlsKey
  /** @throws {DecodeError<'BLS_SECRET'>} */
  fromSecret(secret: Uint8Array): BlsKey
  sign(key: BlsKey, message: Uint8Array): Promise<Uint8Array>
  verify(item: BlsItem): Promise<boolean>
  /** One verdict for all, by random weights. True for none. */
  verifyBatch(items: readonly BlsItem[]): Promise<boolean>
  provePossession(key: BlsKey): Promise<Uint8Array>
  verifyPossession(publicKey: Uint8Array, proof: Uint8Array): Promise<boolean>
}

const scheme = bls12_381.longSignatures
const { G1, G2 } = bls12_381
type G1Point = InstanceType<typeof G1.Point>
type G2Point = InstanceType<typeof G2.Point>

/** @throws an error of noble when the bytes are no point of the subgroup, or infinity */
function keyPoint(bytes: Uint8Array): G1Point {
  const point = G1.Point.fromBytes(bytes)
  point.assertValidity()
  return point
}

function signaturePoint(bytes: Uint8Array): G2Point {
  const point = G2.Point.fromBytes(bytes)
  point.assertValidity()
  return point
}

const sized = ({ publicKey, signature }: BlsItem): boolean =>
  publicKey.length === BLS_PUBLIC_KEY_BYTES && signature.length === BLS_SIGNATURE_BYTES

/** A weight in [1, 2^64). Zero would leave its item unchecked. */
function randomWeight(): bigint {
  for (;;) {
    const weight = viewOf(randomBytes(8)).getBigUint64(0)
    if (weight !== 0n) return weight
  }
}

function verifyUnder(suite: string, { publicKey, message, signature }: BlsItem): boolean {
  try {
    return scheme.verify(signaturePoint(signature), scheme.hash(message, suite), keyPoint(publicKey))
  } catch {
    return false // not a point of the subgroup
  }
}

function verifyWeighted(items: readonly BlsItem[]): boolean {
  try {
    let sum = G2.Point.ZERO
    const pairs = items.map(({ publicKey, message, signature }) => {
      const weight = randomWeight()
      sum = sum.add(signaturePoint(signature).multiplyUnsafe(weight))
      return { g1: keyPoint(publicKey).multiplyUnsafe(weight), g2: scheme.hash(message, BLS_SUITE) }
    })
    // A sum of zero cannot be paired; with weights nobody could foresee it means that something is wrong.
    if (sum.is0()) return false
    const product = bls12_381.pairingBatch([...pairs, { g1: G1.Point.BASE.negate(), g2: sum }])
    return bls12_381.fields.Fp12.eql(product, bls12_381.fields.Fp12.ONE)
  } catch {
    return false
  }
}

/** noble reduces a secret that is too large instead of refusing it. */
function fromSecret(secret: Uint8Array): BlsKey {
  const scalar = secret.length === 32 ? BigInt(`0x${toHex(secret)}`) : 0n
  if (scalar === 0n || scalar >= bls12_381.fields.Fr.ORDER) {
    throw new DecodeError('BLS_SECRET', 'expected 32 bytes of a scalar between 1 and the group order')
  }
  return { secret, publicKey: scheme.getPublicKey(secret).toBytes() }
}

/** Proofs of possession are rare and need a tag of their own, which the native library does not let us set. */
export const possession: Pick<Bls, 'provePossession' | 'verifyPossession'> = {
  provePossession: async (key) =>
    scheme.Signature.toBytes(scheme.sign(scheme.hash(key.publicKey, BLS_POSSESSION_SUITE), key.secret)),
  verifyPossession: async (publicKey, proof) => {
    const item = { publicKey, message: publicKey, signature: proof }
    return sized(item) && verifyUnder(BLS_POSSESSION_SUITE, item)
  },
}

/** BLS in plain JavaScript (noble): tens of milliseconds an operation, on the caller's thread. */
export function createPureBls(): Bls {
  return {
    ...possession,
    generate: () => fromSecret(bls12_381.utils.randomSecretKey()),
    fromSecret,
    sign: async (key, message) =>
      scheme.Signature.toBytes(scheme.sign(scheme.hash(message, BLS_SUITE), key.secret)),
    verify: async (item) => sized(item) && verifyUnder(BLS_SUITE, item),
    verifyBatch: async (items) => items.every(sized) && (items.length === 0 || verifyWeighted(items)),
  }
}

/** A verdict per item: one batch when all are good, halves of it where something is bad. */
export async function verifyEach(
  bls: Pick<Bls, 'verify' | 'verifyBatch'>,
  items: readonly BlsItem[],
): Promise<boolean[]> {
  if (items.length === 0) return []
  if (items.length === 1) return [await bls.verify(items[0]!)]
  if (await bls.verifyBatch(items)) return items.map(() => true)
  const middle = items.length >>> 1
  return [...(await verifyEach(bls, items.slice(0, middle))), ...(await verifyEach(bls, items.slice(middle)))]
}
