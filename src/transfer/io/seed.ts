/**
 * Serves a share whose data is on the disk already.
 *
 * @module
 */
import { realpathSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { CodedError } from '../../base/errors.ts'
import type { Share } from '../../content/share.ts'
import { Bitfield } from '../bitfield.ts'
import type { ShareReader } from '../reader.ts'
import { absolute, statIfAny } from './jail.ts'
import { Places } from './places.ts'
import { StoreReader } from './reader.ts'
import type { StoreHost } from './store-host.ts'
import { verifyPieces } from './verify.ts'

export type SeedSettings = {
  readonly share: Share
  /** The file (single-file share) or folder that holds the data. */
  readonly rootPath: string
  /** 'hash': serve the pieces that hash right. 'sizes': the data was hashed just now or last time; sizes must match. */
  readonly check: 'hash' | 'sizes'
  readonly signal?: AbortSignal
  readonly onVerify?: (piece: number, right: boolean) => void
}

export type Seed = AsyncDisposable & { readonly reader: ShareReader }

/**
 * Rejects with CodedError `SEED_MISMATCH` (a file is missing or has another size; with 'sizes' only), `VERIFY_FAILED`
 * or system errors.
 */
export async function openSeed(settings: SeedSettings, parts: { readonly store: StoreHost }): Promise<Seed> {
  const { share, check, signal, onVerify } = settings
  const { store } = parts
  const rootPath = realpathSync(settings.rootPath)
  const places = new Places(share, { folder: dirname(rootPath), rootName: basename(rootPath) })
  const all = Bitfield.full(share.layout.pieceCount)
  if (check === 'sizes') checkSizes(places)
  const have = check === 'sizes' ? all : await verifyPieces(places, all, store, { signal, onPiece: onVerify })
  const owner = store.owner()
  return {
    reader: new StoreReader(places, have, store, owner),
    async [Symbol.asyncDispose]() {
      store.files.forget(owner)
    },
  }
}

function checkSizes(places: Places): void {
  for (const { index, length } of places.share.files) {
    const path = absolute(places.place(index))
    const size = statIfAny(path)?.size
    if (size === length) continue
    throw new CodedError('SEED_MISMATCH', `${path} should hold ${length} bytes, found ${size ?? 'no file'}`)
  }
}
