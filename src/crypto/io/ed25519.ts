/**
 * Ed25519 over the machine's own code: `node:crypto` (on libuv's threads) and WebCrypto.
 *
 * Source: RFC 8032; key wrappings RFC 8410. Both run the strict checks of `crypto/ed25519.ts` first.
 *
 * @module
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
} from 'node:crypto'
import { promisify } from 'node:util'
import { assert } from '../../base/assert.ts'
import { concatBytes, fromHex, toHex } from '../../base/bytes.ts'
import { type Ed25519, type Ed25519Key, passesStrictChecks } from '../ed25519.ts'

const PKCS8_HEAD = fromHex('302e020100300506032b657004220420')
const SPKI_HEAD = fromHex('302a300506032b6570032100')
/** Parsed keys kept: peers of a swarm verify many times under few keys. */
const PUBLIC_KEYS_MAX = 1024
/** Verifications a second on the caller's own thread, about 6 % of it; peers that make us do more load others. */
const DIRECT_MAX_PER_S = 512

const verifyAsync = promisify(nodeVerify) as (
  algorithm: null,
  data: Uint8Array,
  key: KeyObject,
  signature: Uint8Array,
) => Promise<boolean>

const pkcs8 = (seed: Uint8Array) =>
  ({ key: Buffer.from(concatBytes(PKCS8_HEAD, seed)), format: 'der', type: 'pkcs8' }) as const

const rawPublicKey = (key: KeyObject): Uint8Array =>
  Uint8Array.from(Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url'))

/**
 * About 40 µs to sign and 110 to verify, as long as there are few on the caller's thread: to libuv's threads and back
 * costs another 60 and may wait behind reads.
 */
export function createNodeEd25519(): Ed25519 {
  let direct = 0
  let directUntilMs = 0
  const privateKeys = new WeakMap<Ed25519Key, KeyObject>()
  const publicKeys = new Map<string, KeyObject>()

  const remember = (seed: Uint8Array, privateKey: KeyObject): Ed25519Key => {
    const key = { seed, publicKey: rawPublicKey(privateKey) }
    privateKeys.set(key, privateKey)
    return key
  }

  const publicKeyOf = (raw: Uint8Array): KeyObject => {
    const name = toHex(raw)
    let key = publicKeys.get(name)
    if (key === undefined) {
      key = createPublicKey({ key: Buffer.from(concatBytes(SPKI_HEAD, raw)), format: 'der', type: 'spki' })
    }
    publicKeys.delete(name)
    publicKeys.set(name, key)
    if (publicKeys.size > PUBLIC_KEYS_MAX) publicKeys.delete(publicKeys.keys().next().value!)
    return key
  }

  const mayDirect = (): boolean => {
    const nowMs = performance.now()
    if (nowMs >= directUntilMs) {
      directUntilMs = nowMs + 1000
      direct = 0
    }
    return ++direct <= DIRECT_MAX_PER_S
  }

  return {
    async generate() {
      const { privateKey } = await promisify(generateKeyPair)('ed25519', {})
      const seed = Uint8Array.from(privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32))
      return remember(seed, privateKey)
    },
    async fromSeed(seed) {
      assert(seed.length === 32, 'a seed is 32 bytes')
      return remember(seed, createPrivateKey(pkcs8(seed)))
    },
    async sign(key, message) {
      let privateKey = privateKeys.get(key)
      if (privateKey === undefined) privateKeys.set(key, (privateKey = createPrivateKey(pkcs8(key.seed))))
      return Uint8Array.from(nodeSign(null, message, privateKey))
    },
    async verify(publicKey, signature, message) {
      if (!passesStrictChecks(publicKey, signature)) return false
      try {
        const key = publicKeyOf(publicKey)
        if (mayDirect()) return nodeVerify(null, message, key, signature)
        return await verifyAsync(null, message, key, signature)
      } catch {
        return false // OpenSSL refuses keys that are no point with an error
      }
    },
  }
}

/** Ed25519 of the platform's WebCrypto: what browsers use. */
export function createWebEd25519(subtle: typeof crypto.subtle = crypto.subtle): Ed25519 {
  const owned = (bytes: Uint8Array) => Uint8Array.from(bytes)
  const importPrivate = (seed: Uint8Array) =>
    subtle.importKey('pkcs8', owned(concatBytes(PKCS8_HEAD, seed)), 'Ed25519', true, ['sign'])
  const fromSeed = async (seed: Uint8Array): Promise<Ed25519Key> => {
    assert(seed.length === 32, 'a seed is 32 bytes')
    const { x } = await subtle.exportKey('jwk', await importPrivate(seed))
    const text = atob(x!.replaceAll('-', '+').replaceAll('_', '/'))
    return { seed, publicKey: Uint8Array.from(text, (letter) => letter.charCodeAt(0)) }
  }
  return {
    generate: () => fromSeed(crypto.getRandomValues(new Uint8Array(32))),
    fromSeed,
    async sign(key, message) {
      return new Uint8Array(await subtle.sign('Ed25519', await importPrivate(key.seed), owned(message)))
    },
    async verify(publicKey, signature, message) {
      if (!passesStrictChecks(publicKey, signature)) return false
      try {
        const key = await subtle.importKey('raw', owned(publicKey), 'Ed25519', false, ['verify'])
        return await subtle.verify('Ed25519', key, owned(signature), owned(message))
      } catch {
        return false
      }
    },
  }
}
