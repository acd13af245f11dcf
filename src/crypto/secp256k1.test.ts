// Goal: sign and recover as Ethereum does (viem is the second implementation), and take no second form of a signature.
import { deepEqual, equal, notDeepEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Hex, recoverAddress } from 'viem'
import { privateKeyToAddress, sign } from 'viem/accounts'
import { concatBytes, fromHex, toHex } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { keccak256 } from './keccak.ts'
import { addressBytesOf, isSecretKey, recoverAddressBytes, signDigest } from './secp256k1.ts'

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const key = fromHex('4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318')
const digest = keccak256(new TextEncoder().encode('tally'))
const signature = signDigest(key, digest)
const hex = (bytes: Uint8Array): Hex => `0x${toHex(bytes)}`

test('keccak-256 agrees with its published vector', () => {
  equal(
    toHex(keccak256(new Uint8Array())),
    'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470',
  )
})

test('address, signature and recovery agree with viem', async () => {
  equal(hex(addressBytesOf(key)), privateKeyToAddress(hex(key)).toLowerCase())
  equal(hex(signature), await sign({ hash: hex(digest), privateKey: hex(key), to: 'hex' }))
  deepEqual(recoverAddressBytes(digest, signature), addressBytesOf(key))
  equal(
    (await recoverAddress({ hash: hex(digest), signature: hex(signature) })).toLowerCase(),
    hex(addressBytesOf(key)),
  )
})

test('the high-s twin of a good signature is refused', () => {
  const s = BigInt(hex(signature.subarray(32, 64)))
  const highS = fromHex((ORDER - s).toString(16).padStart(64, '0'))
  const twin = concatBytes(signature.subarray(0, 32), highS, Uint8Array.of(signature[64]! === 27 ? 28 : 27))
  throws(() => recoverAddressBytes(digest, twin), { name: 'DecodeError', code: 'SIGNATURE_HIGH_S' })
})

for (const [code, bytes] of Object.entries({
  SIGNATURE_LENGTH: signature.subarray(0, 64),
  SIGNATURE_V: signature.with(64, 0),
  SIGNATURE_RANGE: concatBytes(new Uint8Array(32), signature.subarray(32)),
  SIGNATURE_INVALID: concatBytes(fromHex(`${'00'.repeat(31)}05`), signature.subarray(32)), // x = 5 is not on the curve
})) {
  test(`refuses ${code}`, () =>
    throws(() => recoverAddressBytes(digest, bytes), { name: 'DecodeError', code }))
}

test('another digest never recovers the signer; any bytes recover somebody or raise DecodeError', () => {
  notDeepEqual(recoverAddressBytes(keccak256(digest), signature), addressBytesOf(key))
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), fc.constantFrom(27, 28), (bytes, v) => {
      try {
        recoverAddressBytes(digest, concatBytes(bytes, Uint8Array.of(v)))
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error
      }
    }),
    { numRuns: 50 },
  )
})

test('zero and the group order are no secret keys', () => {
  equal(isSecretKey(new Uint8Array(32)), false)
  equal(isSecretKey(fromHex(ORDER.toString(16))), false)
  equal(isSecretKey(key), true)
})
