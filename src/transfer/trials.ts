/**
 * Who lied in a piece that several sources sent: block digests of the bad piece, kept until a good one is there.
 *
 * A bad piece of one sender names its liar at once. One of several senders is fetched again from a single sender
 * (parole): if it is bad again, that one lied; if it is good, the blocks that differ from the first time name who did.
 *
 * @module
 */
import { bytesEqual } from '../base/bytes.ts'

/** Digest of one block, as whoever hashes pieces returns them back to back. */
export const BLOCK_DIGEST_BYTES = 20
/** Digests are kept for this many pieces; the oldest are dropped (those pieces stay on parole). */
export const TRIALS_MAX = 64

type Trial = { readonly senders: Int32Array; readonly digests: Uint8Array }

export class Trials {
  readonly #parole = new Set<number>()
  readonly #trials = new Map<number, Trial>()

  isOnParole(piece: number): boolean {
    return this.#parole.has(piece)
  }

  /** The piece came from several senders and is bad. `senders` by block. */
  open(piece: number, senders: Int32Array, digests: Uint8Array | undefined): void {
    this.#parole.add(piece)
    if (digests === undefined || this.#trials.has(piece)) return
    const oldest = this.#trials.size >= TRIALS_MAX ? this.#trials.keys().next().value : undefined
    if (oldest !== undefined) this.#trials.delete(oldest)
    this.#trials.set(piece, { senders, digests })
  }

  /** The piece is good now: returns the senders whose blocks were not. */
  close(piece: number, digests: Uint8Array | undefined): Set<number> {
    const liars = new Set<number>()
    const trial = this.#trials.get(piece)
    this.#parole.delete(piece)
    this.#trials.delete(piece)
    if (trial === undefined || digests === undefined) return liars
    for (let block = 0; block < trial.senders.length; block++) {
      const from = block * BLOCK_DIGEST_BYTES
      const to = from + BLOCK_DIGEST_BYTES
      if (!bytesEqual(trial.digests.subarray(from, to), digests.subarray(from, to)))
        liars.add(trial.senders[block]!)
    }
    return liars
  }
}
