/**
 * AES-256-GCM through WebCrypto, which Node and browsers share. The 16-byte tag follows the ciphertext.
 *
 * Source: NIST SP 800-38D. A nonce must never be used twice with one key.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { DecodeError } from '../base/errors.ts'

export const AEAD_KEY_BYTES = 32
export const AEAD_NONCE_BYTES = 12
export const AEAD_TAG_BYTES = 16

export type AeadInput = {
  readonly key: Uint8Array
  readonly nonce: Uint8Array
  /** Bound to the ciphertext, not hidden. */
  readonly aad: Uint8Array
}

/** WebCrypto's types want arrays over plain buffers: these are copies. */
const own = (bytes: Uint8Array) => new Uint8Array(bytes)

async function prepare({ key, nonce, aad }: AeadInput, usage: 'encrypt' | 'decrypt') {
  assert(
    key.length === AEAD_KEY_BYTES && nonce.length === AEAD_NONCE_BYTES,
    'a 32-byte key and a 12-byte nonce',
  )
  const cryptoKey = await crypto.subtle.importKey('raw', own(key), 'AES-GCM', false, [usage])
  return {
    cryptoKey,
    algorithm: { name: 'AES-GCM', iv: own(nonce), additionalData: own(aad), tagLength: 128 },
  }
}

/** Ciphertext and tag. */
export async function sealAead(input: AeadInput, plaintext: Uint8Array): Promise<Uint8Array> {
  const { cryptoKey, algorithm } = await prepare(input, 'encrypt')
  return new Uint8Array(await crypto.subtle.encrypt(algorithm, cryptoKey, own(plaintext)))
}

/** @throws {DecodeError<'AEAD_OPEN_FAILED'>} when key, nonce, AAD or bytes are not those that were sealed. */
export async function openAead(input: AeadInput, sealed: Uint8Array): Promise<Uint8Array> {
  const { cryptoKey, algorithm } = await prepare(input, 'decrypt')
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, cryptoKey, own(sealed)))
  } catch (cause) {
    throw new DecodeError('AEAD_OPEN_FAILED', 'the sealed bytes do not open', { cause })
  }
}
