/**
 * BLS over the native blst library: about 0.5 ms to sign and 1 ms to verify.
 *
 * Source: as `crypto/bls.ts`. @chainsafe/blst 2.2.0 is bound to the _POP_ signature suite, which is ours; it cannot
 * be given the tag for proofs of possession, so those go through noble. Its batch weights come from Rust's
 * system-seeded generator. It works on the caller's thread, so a batch is cut and the event loop let in between.
 *
 * @module
 */
import { setImmediate as breathe } from 'node:timers/promises'
import {
  verify as blstVerify,
  PublicKey,
  SecretKey,
  Signature,
  verifyMultipleAggregateSignatures,
} from '@chainsafe/blst'
import { DecodeError } from '../../base/errors.ts'
import {
  BLS_PUBLIC_KEY_BYTES,
  BLS_SIGNATURE_BYTES,
  type Bls,
  type BlsItem,
  type BlsKey,
  possession,
} from '../bls.ts'

/** Items in one native call: about 20 ms, the longest the event loop is kept waiting. */
const CUT_ITEMS = 32

type ParsedItem = { readonly pk: PublicKey; readonly msg: Uint8Array; readonly sig: Signature }

/** Undefined for anything but compressed points of the subgroup other than infinity. */
function parse({ publicKey, message, signature }: BlsItem): ParsedItem | undefined {
  if (publicKey.length !== BLS_PUBLIC_KEY_BYTES || signature.length !== BLS_SIGNATURE_BYTES) return undefined
  try {
    const pk = PublicKey.fromBytes(publicKey, true)
    return { pk, msg: message, sig: Signature.fromBytes(signature, true, true) }
  } catch {
    return undefined
  }
}

function keyOf(secretKey: SecretKey): BlsKey {
  return {
    secret: Uint8Array.from(secretKey.toBytes()),
    publicKey: Uint8Array.from(secretKey.toPublicKey().toBytes()),
  }
}

export function createNativeBls(): Bls {
  return {
    ...possession,
    generate: () => keyOf(SecretKey.fromKeygen(crypto.getRandomValues(new Uint8Array(32)))),
    fromSecret(secret) {
      try {
        return keyOf(SecretKey.fromBytes(secret))
      } catch (cause) {
        throw new DecodeError('BLS_SECRET', 'expected a scalar between 1 and the group order', { cause })
      }
    },
    sign: async (key, message) => Uint8Array.from(SecretKey.fromBytes(key.secret).sign(message).toBytes()),
    async verify(item) {
      const parsed = parse(item)
      return parsed !== undefined && blstVerify(parsed.msg, parsed.pk, parsed.sig)
    },
    async verifyBatch(items) {
      for (let start = 0; start < items.length; start += CUT_ITEMS) {
        if (start > 0) await breathe()
        const sets: ParsedItem[] = []
        for (const item of items.slice(start, start + CUT_ITEMS)) {
          const parsed = parse(item)
          if (parsed === undefined) return false
          sets.push(parsed)
        }
        if (!verifyMultipleAggregateSignatures(sets)) return false
      }
      return true
    },
  }
}
