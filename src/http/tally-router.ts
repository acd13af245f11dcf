/**
 * Leads what a transfer says of blocks to the tally link that brought them.
 *
 * @module
 */
import type { Layout } from '../content/layout.ts'
import type { TallyLink } from '../tally/link.ts'
import { BlockOwners } from './block-owners.ts'

/**
 * Bytes are signed for on the connection that they came by; what came by a connection without link is
 * forgotten.
 */
export class TallyRouter {
  readonly #layout: Layout
  readonly #owners = new BlockOwners<TallyLink>()

  constructor(layout: Layout) {
    this.#layout = layout
  }

  brought(piece: number, begin: number, link: TallyLink | undefined): void {
    if (link !== undefined) this.#owners.set(piece, begin, link)
  }

  verified(piece: number, begin: number, length: number): void {
    for (const { owner, ...range } of this.#owners.take(piece, begin, length)) {
      owner.verified(piece, range.begin, range.length, this.#payload(piece, range))
    }
  }

  wasted(piece: number, begin: number, length: number): void {
    for (const { owner, ...range } of this.#owners.take(piece, begin, length)) {
      owner.wasted(this.#payload(piece, range))
    }
  }

  #payload(piece: number, { begin, length }: { readonly begin: number; readonly length: number }): number {
    return this.#layout.payloadBytesIn(piece, begin, length)
  }
}
