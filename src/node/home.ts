/**
 * The one folder that holds everything a node keeps, and the lock that lets one process at a time write there.
 *
 *   HOME/config.toml        settings
 *   HOME/keystore.json      keys, encrypted
 *   HOME/tallies.log        tallies given and taken (append-only)
 *   HOME/settlement.log     what was settled on chain (append-only)
 *   HOME/shares/ID.json     shares that `up` seeds; ID.torrent beside it
 *   HOME/resume/ID/         progress of unfinished downloads
 *   HOME/chain/             state of the development chain
 *   HOME/lock               pid of the process that owns the folder
 *
 * @module
 */
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { CodedError, codeOf, messageOf } from '../base/errors.ts'
import { takePidLock } from '../base/io/pid-lock.ts'

export type Home = {
  readonly path: string
  readonly keystore: string
  readonly password: string
  readonly tallies: string
  readonly settlement: string
  readonly shares: string
  readonly resume: string
  readonly chain: string
}

export const defaultHomePath = (): string => join(homedir(), '.tallyswarm')

export function homeAt(path: string): Home {
  const root = resolve(path)
  return {
    path: root,
    keystore: join(root, 'keystore.json'),
    password: join(root, 'keystore.password'),
    tallies: join(root, 'tallies.log'),
    settlement: join(root, 'settlement.log'),
    shares: join(root, 'shares'),
    resume: join(root, 'resume'),
    chain: join(root, 'chain'),
  }
}

/**
 * Makes the folder and takes its lock; a lock whose process is gone is taken over.
 *
 * @throws {CodedError<'HOME_IN_USE' | 'HOME_UNUSABLE'>}
 */
export async function lockHome(home: Home): Promise<AsyncDisposable> {
  const file = join(home.path, 'lock')
  try {
    await mkdir(home.path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new CodedError('HOME_UNUSABLE', `cannot make ${home.path}; choose another with --home`, { cause })
  }
  try {
    return await takePidLock(file)
  } catch (cause) {
    if (codeOf(cause) === 'LOCKED') {
      const message = `${messageOf(cause)}; stop it, or give this command a folder of its own with --home`
      throw new CodedError('HOME_IN_USE', message, { cause })
    }
    throw new CodedError('HOME_UNUSABLE', `cannot write ${file}; choose another with --home`, { cause })
  }
}
