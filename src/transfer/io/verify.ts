/**
 * Hashes what is on the disk, in the store workers, and says which pieces are right.
 *
 * @module
 */
import { CodedError } from '../../base/errors.ts'
import { Bitfield } from '../bitfield.ts'
import { checkOf } from './piece-check.ts'
import type { Places } from './places.ts'
import type { StoreHost } from './store-host.ts'

export type VerifyOptions = {
  readonly signal?: AbortSignal | undefined
  readonly onPiece?: ((piece: number, right: boolean) => void) | undefined
}

/**
 * The pieces of `which` that are right on the disk. Missing and short files make wrong pieces, not errors.
 * Rejects with CodedError `VERIFY_FAILED` when a file cannot be read, and with the signal's reason.
 */
export async function verifyPieces(
  places: Places,
  which: Bitfield,
  host: StoreHost,
  { signal, onPiece }: VerifyOptions = {},
): Promise<Bitfield> {
  const { layout } = places.share
  const right = new Bitfield(layout.pieceCount)
  let next = 0
  let failed = false
  const lane = async (): Promise<void> => {
    while (next < layout.pieceCount && !failed) {
      const piece = next++
      const check = which.has(piece) ? checkOf(places.share, piece) : undefined
      if (check === undefined) continue
      failed = signal?.aborted === true
      signal?.throwIfAborted()
      const pieceBytes = layout.pieceBytes(piece)
      const reply = await host.workers.run({ kind: 'verify', pieceBytes, check, runs: places.runs(piece) })
      failed ||= !reply.ok
      if (!reply.ok)
        throw new CodedError('VERIFY_FAILED', reply.message, { details: { code: reply.code, piece } })
      if (reply.right) right.set(piece)
      onPiece?.(piece, reply.right)
    }
  }
  // Two a worker: one is hashed while the next is on its way.
  await Promise.all(Array.from({ length: 2 * host.workers.workersMax }, lane))
  return right
}
