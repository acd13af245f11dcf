/**
 * The keystore's file format: named 32-byte secrets, sealed under a key derived from a passphrase.
 *
 * Source: design section 8 of the issue ("AEAD; PBKDF2-SHA-256 >= 600,000 or scrypt; versioned"); RFC 7914, RFC 8018.
 * One JSON object; bytes as lower-case hex:
 *
 *   format   "tallyswarm-keystore"
 *   version  1
 *   kdf      { "name": "scrypt", "n", "r", "p", "salt" } or { "name": "pbkdf2-sha256", "iterations", "salt" }
 *   nonce    12 bytes, fresh for every write
 *   sealed   AES-256-GCM of the body; AAD = format | version | kdf | nonce as one JSON array, so none can be changed
 *
 * The body: count 1, then per secret nameLength 1 | name (a-z 0-9 -) | secret 32.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { concatBytes, fromHex, toHex, utf8, utf8Text } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES } from './aead.ts'

export const KEYSTORE_FORMAT = 'tallyswarm-keystore'
export const KEYSTORE_VERSION = 1
export const KEYSTORE_FILE_BYTES_MAX = 16_384
export const SECRET_BYTES = 32
export const SECRETS_MAX = 64
const SALT_BYTES = 32
const NAME = /^[a-z0-9-]{1,32}$/

export type Kdf =
  | {
      readonly name: 'scrypt'
      readonly n: number
      readonly r: number
      readonly p: number
      readonly salt: Uint8Array
    }
  | { readonly name: 'pbkdf2-sha256'; readonly iterations: number; readonly salt: Uint8Array }

/** 128 MiB and some 0.3 s (OWASP's first choice for scrypt). */
export const SCRYPT_DEFAULT = { name: 'scrypt', n: 131_072, r: 8, p: 1 } as const
export const PBKDF2_DEFAULT = { name: 'pbkdf2-sha256', iterations: 600_000 } as const
/** What a file may ask of us: not so little that it is worthless, not so much that it stops the node. */
const SCRYPT_N = [16_384, 262_144] as const
const SCRYPT_R = [8, 16] as const
const SCRYPT_P = [1, 4] as const
const PBKDF2_ITERATIONS = [600_000, 5_000_000] as const

export type KeystoreFile = { readonly kdf: Kdf; readonly nonce: Uint8Array; readonly sealed: Uint8Array }
export type Secrets = ReadonlyMap<string, Uint8Array>

export const isSecretName = (name: string): boolean => NAME.test(name)

/** Everything but the sealed bytes, as the AAD that binds it. */
export function keystoreAad(kdf: Kdf, nonce: Uint8Array): Uint8Array {
  return utf8(JSON.stringify([KEYSTORE_FORMAT, KEYSTORE_VERSION, kdfValues(kdf), toHex(nonce)]))
}

export function encodeKeystore({ kdf, nonce, sealed }: KeystoreFile): Uint8Array {
  const head = {
    format: KEYSTORE_FORMAT,
    version: KEYSTORE_VERSION,
    kdf: kdfValues(kdf),
    nonce: toHex(nonce),
  }
  return utf8(`${JSON.stringify({ ...head, sealed: toHex(sealed) }, null, 2)}\n`)
}

/**
 * @throws {DecodeError<'KEYSTORE_TOO_LARGE' | 'KEYSTORE_MALFORMED' | 'KEYSTORE_VERSION' | 'KEYSTORE_KDF_WEAK' |
 *   'KEYSTORE_KDF_COSTLY'>}
 */
export function decodeKeystore(bytes: Uint8Array): KeystoreFile {
  if (bytes.length > KEYSTORE_FILE_BYTES_MAX)
    throw new DecodeError('KEYSTORE_TOO_LARGE', 'not a keystore: too large')
  const file = record(json(bytes))
  if (file['format'] !== KEYSTORE_FORMAT) throw malformed('format')
  if (file['version'] !== KEYSTORE_VERSION) {
    throw new DecodeError('KEYSTORE_VERSION', `keystore version ${String(file['version'])} is not known here`)
  }
  const sealed = hex(file['sealed'], 'sealed')
  if (sealed.length <= AEAD_TAG_BYTES) throw malformed('sealed')
  return { kdf: decodeKdf(record(file['kdf'])), nonce: hex(file['nonce'], 'nonce', AEAD_NONCE_BYTES), sealed }
}

export function encodeSecrets(secrets: Secrets): Uint8Array {
  assert(secrets.size <= SECRETS_MAX, `at most ${SECRETS_MAX} secrets`)
  const parts: Uint8Array[] = [Uint8Array.of(secrets.size)]
  for (const [name, secret] of secrets) {
    assert(isSecretName(name) && secret.length === SECRET_BYTES, 'a named 32-byte secret')
    parts.push(Uint8Array.of(name.length), utf8(name), secret)
  }
  return concatBytes(...parts)
}

/** @throws {DecodeError<'KEYSTORE_MALFORMED'>} */
export function decodeSecrets(body: Uint8Array): Map<string, Uint8Array> {
  const secrets = new Map<string, Uint8Array>()
  let offset = 1
  for (let left = body[0] ?? 0; left > 0; left--) {
    const nameEnd = offset + 1 + (body[offset] ?? 0)
    const name = utf8Text(body.subarray(offset + 1, nameEnd))
    offset = nameEnd + SECRET_BYTES
    if (offset > body.length || !isSecretName(name) || secrets.has(name)) throw malformed('body')
    secrets.set(name, body.slice(nameEnd, offset))
  }
  if (offset !== body.length) throw malformed('body')
  return secrets
}

function decodeKdf(kdf: Readonly<Record<string, unknown>>): Kdf {
  const salt = hex(kdf['salt'], 'salt', SALT_BYTES)
  if (kdf['name'] === 'scrypt') {
    const n = bounded(kdf['n'], SCRYPT_N, 'n')
    if ((n & (n - 1)) !== 0) throw malformed('n')
    return {
      name: 'scrypt',
      n,
      r: bounded(kdf['r'], SCRYPT_R, 'r'),
      p: bounded(kdf['p'], SCRYPT_P, 'p'),
      salt,
    }
  }
  if (kdf['name'] !== 'pbkdf2-sha256') throw malformed('kdf')
  return {
    name: 'pbkdf2-sha256',
    iterations: bounded(kdf['iterations'], PBKDF2_ITERATIONS, 'iterations'),
    salt,
  }
}

function bounded(value: unknown, [min, max]: readonly [number, number], what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw malformed(what)
  if (value < min) throw new DecodeError('KEYSTORE_KDF_WEAK', `${what} ${value} is below ${min}`)
  if (value > max) throw new DecodeError('KEYSTORE_KDF_COSTLY', `${what} ${value} is above ${max}`)
  return value
}

/** Fixed member order, since this is part of the AAD. */
function kdfValues(kdf: Kdf) {
  const salt = toHex(kdf.salt)
  return kdf.name === 'scrypt'
    ? { name: kdf.name, n: kdf.n, r: kdf.r, p: kdf.p, salt }
    : { name: kdf.name, iterations: kdf.iterations, salt }
}

function json(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8Text(bytes))
  } catch (cause) {
    throw new DecodeError('KEYSTORE_MALFORMED', 'a keystore is a JSON object', { cause })
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('object')
  return value as Readonly<Record<string, unknown>>
}

function hex(value: unknown, what: string, lengthBytes?: number): Uint8Array {
  if (typeof value !== 'string' || !/^([0-9a-f]{2})*$/.test(value)) throw malformed(what)
  const bytes = fromHex(value)
  if (lengthBytes !== undefined && bytes.length !== lengthBytes) throw malformed(what)
  return bytes
}

const malformed = (what: string) =>
  new DecodeError('KEYSTORE_MALFORMED', `the keystore's ${what} is malformed`)
