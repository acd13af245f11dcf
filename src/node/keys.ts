/**
 * The node's keys: the encrypted keystore (wallet, identity), opened only when needed, and a swarm key per share.
 *
 * @module
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromHex, toHex } from '../base/bytes.ts'
import { CodedError, codeOf } from '../base/errors.ts'
import type { ShareId } from '../base/ids.ts'
import { systemRandom } from '../base/io/system.ts'
import type { Bls, BlsKey } from '../crypto/bls.ts'
import type { Ed25519, Ed25519Key } from '../crypto/ed25519.ts'
import { type Keystore, openOrCreateKeystore } from '../crypto/io/keystore.ts'
import type { Home } from './home.ts'

const PASSWORD_BYTES = 32
/** Names in the keystore. */
export const WALLET_SECRET = 'evm-wallet'
const IDENTITY_SECRET = 'bls-identity'

/** Writes a file only we can read; either the old one or the whole new one is there after a crash. */
export async function writePrivately(path: string, text: string): Promise<void> {
  const fresh = `${path}.${process.pid}.new`
  await writeFile(fresh, text, { mode: 0o600 })
  await rename(fresh, path)
}

/** From TALLYSWARM_PASSWORD (read by `cli/`), else from a file that is made at first use. */
async function passwordOf(home: Home, given: string | undefined): Promise<string> {
  if (given !== undefined && given !== '') return given
  try {
    return (await readFile(home.password, 'utf8')).trim()
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') {
      throw new CodedError('KEYSTORE_PASSWORD', `cannot read ${home.password}`, { cause })
    }
  }
  await mkdir(home.path, { recursive: true, mode: 0o700 })
  const password = toHex(systemRandom.bytes(PASSWORD_BYTES))
  await writePrivately(home.password, `${password}\n`)
  return password
}

export class Keys {
  readonly #home: Home
  readonly #password: string | undefined
  #keystore: Promise<Keystore> | undefined

  constructor(home: Home, password: string | undefined) {
    this.#home = home
    this.#password = password
  }

  /** Derives the key (about 0.3 s) at the first call only. */
  keystore(): Promise<Keystore> {
    this.#keystore ??= passwordOf(this.#home, this.#password).then((passphrase) =>
      openOrCreateKeystore({ path: this.#home.keystore, passphrase }, systemRandom),
    )
    return this.#keystore
  }

  async wallet(): Promise<Uint8Array> {
    return (await this.keystore()).getOrCreate(WALLET_SECRET, systemRandom)
  }

  async identity(bls: Bls): Promise<BlsKey> {
    const fresh = { ...systemRandom, bytes: () => bls.generate().secret }
    return bls.fromSecret(await (await this.keystore()).getOrCreate(IDENTITY_SECRET, fresh))
  }

  /** One key for all time per share; kept in the clear, mode 0600 (docs/SECURITY.md). */
  async swarmKey(share: ShareId, ed25519: Ed25519): Promise<Ed25519Key> {
    const folder = join(this.#home.path, 'swarm-keys')
    const file = join(folder, `${toHex(share)}.key`)
    try {
      return await ed25519.fromSeed(fromHex((await readFile(file, 'utf8')).trim()))
    } catch (cause) {
      if (codeOf(cause) !== 'ENOENT') throw new CodedError('SWARM_KEY', `cannot use ${file}`, { cause })
    }
    const key = await ed25519.generate()
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writePrivately(file, `${toHex(key.seed)}\n`)
    return key
  }
}
