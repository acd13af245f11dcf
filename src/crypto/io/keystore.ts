/**
 * The keystore on disk: one file, readable by its owner only, replaced atomically.
 *
 * @module
 */
import { pbkdf2, scrypt } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { assert } from '../../base/assert.ts'
import { utf8 } from '../../base/bytes.ts'
import { CodedError, codeOf } from '../../base/errors.ts'
import type { Random } from '../../base/world.ts'
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, openAead, sealAead } from '../aead.ts'
import {
  decodeKeystore,
  decodeSecrets,
  encodeKeystore,
  encodeSecrets,
  isSecretName,
  type Kdf,
  KEYSTORE_FILE_BYTES_MAX,
  keystoreAad,
  type PBKDF2_DEFAULT,
  SCRYPT_DEFAULT,
  SECRET_BYTES,
} from '../keystore.ts'

const SALT_BYTES = 32
const FILE_MODE = 0o600
/** scrypt needs 128 * n * r bytes; Node refuses above its `maxmem`, so give it that and some. */
const SCRYPT_MEMORY_SLACK = 1.25

export type Keystore = {
  readonly names: readonly string[]
  /** A copy of the secret. */
  get(name: string): Uint8Array | undefined
  /** Adds or replaces a secret and writes the file. Resolves when it is on disk. */
  put(name: string, secret: Uint8Array): Promise<void>
  /** The secret of that name, made by `random` and written when there is none. */
  getOrCreate(name: string, random: Random): Promise<Uint8Array>
}

type Location = { readonly path: string; readonly passphrase: string }

/** @throws {CodedError<'KEYSTORE_MISSING' | 'KEYSTORE_PASSPHRASE'>} and what `decodeKeystore` throws. */
export async function openKeystore({ path, passphrase }: Location, random: Random): Promise<Keystore> {
  const file = decodeKeystore(await readBounded(path))
  const key = await deriveKey(file.kdf, passphrase)
  const input = { key, nonce: file.nonce, aad: keystoreAad(file.kdf, file.nonce) }
  const body = await openAead(input, file.sealed).catch((cause: unknown) => {
    throw new CodedError('KEYSTORE_PASSPHRASE', 'wrong passphrase, or the keystore was changed', { cause })
  })
  return new FileKeystore({ path, key, kdf: file.kdf, secrets: decodeSecrets(body), random })
}

/** Makes a new, empty keystore. @throws {CodedError<'KEYSTORE_EXISTS'>} */
export async function createKeystore(
  {
    path,
    passphrase,
    kdf = SCRYPT_DEFAULT,
  }: Location & { kdf?: typeof SCRYPT_DEFAULT | typeof PBKDF2_DEFAULT },
  random: Random,
): Promise<Keystore> {
  if (await exists(path)) throw new CodedError('KEYSTORE_EXISTS', `${path} is there already: open it`)
  const salted: Kdf = { ...kdf, salt: random.bytes(SALT_BYTES) }
  const key = await deriveKey(salted, passphrase)
  const keystore = new FileKeystore({ path, key, kdf: salted, secrets: new Map(), random })
  await keystore.write()
  return keystore
}

/** Opens the keystore, or makes it when there is none. */
export async function openOrCreateKeystore(location: Location, random: Random): Promise<Keystore> {
  return (await exists(location.path)) ? openKeystore(location, random) : createKeystore(location, random)
}

type KeystoreParts = {
  readonly path: string
  readonly key: Uint8Array
  readonly kdf: Kdf
  readonly secrets: Map<string, Uint8Array>
  readonly random: Random
}

class FileKeystore implements Keystore {
  readonly #parts: KeystoreParts
  #writing: Promise<void> = Promise.resolve()

  constructor(parts: KeystoreParts) {
    this.#parts = parts
  }

  get names(): readonly string[] {
    return [...this.#parts.secrets.keys()]
  }

  get(name: string): Uint8Array | undefined {
    return this.#parts.secrets.get(name)?.slice()
  }

  async put(name: string, secret: Uint8Array): Promise<void> {
    assert(isSecretName(name) && secret.length === SECRET_BYTES, 'a named 32-byte secret')
    this.#parts.secrets.set(name, secret.slice())
    await this.write()
  }

  async getOrCreate(name: string, random: Random): Promise<Uint8Array> {
    if (!this.#parts.secrets.has(name)) await this.put(name, random.bytes(SECRET_BYTES))
    return this.get(name)!
  }

  /** Writes happen one after the other; each seals what is there when its turn comes. */
  write(): Promise<void> {
    this.#writing = this.#writing.catch(() => {}).then(() => this.#writeNow())
    return this.#writing
  }

  async #writeNow(): Promise<void> {
    const { path, key, kdf, secrets, random } = this.#parts
    const nonce = random.bytes(AEAD_NONCE_BYTES)
    const sealed = await sealAead({ key, nonce, aad: keystoreAad(kdf, nonce) }, encodeSecrets(secrets))
    await writeAtomically(path, encodeKeystore({ kdf, nonce, sealed }))
  }
}

async function deriveKey(kdf: Kdf, passphrase: string): Promise<Uint8Array> {
  const secret = utf8(passphrase.normalize('NFKC'))
  if (kdf.name === 'pbkdf2-sha256') {
    return promisify(pbkdf2)(secret, kdf.salt, kdf.iterations, AEAD_KEY_BYTES, 'sha256')
  }
  const maxmem = Math.ceil(128 * kdf.n * kdf.r * SCRYPT_MEMORY_SLACK)
  return new Promise((resolve, reject) =>
    scrypt(secret, kdf.salt, AEAD_KEY_BYTES, { N: kdf.n, r: kdf.r, p: kdf.p, maxmem }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    ),
  )
}

async function readBounded(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    if (size > KEYSTORE_FILE_BYTES_MAX) return new Uint8Array(KEYSTORE_FILE_BYTES_MAX + 1) // refused by the decoder
    return await readFile(path)
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') throw cause
    throw new CodedError('KEYSTORE_MISSING', `no keystore at ${path}`, { cause })
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Either the old file or the whole new one is there after a crash, never readable by others. */
async function writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.new`
  await rm(temporary, { force: true }) // a leftover of a crash, perhaps with another mode
  const file = await open(temporary, 'wx', FILE_MODE)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  const folder = await open(dirname(path), 'r')
  await folder.sync().finally(() => folder.close())
}
