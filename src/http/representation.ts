/**
 * What a response body is made from: a row of bytes with a name and a tag, read piecemeal.
 *
 * @module
 */
import { CodedError } from '../base/errors.ts'
import type { ByteRange } from './ranges.ts'

export type Representation = {
  readonly length: number
  /** Quoted and strong; undefined for what may change between two requests. */
  readonly etag: string | undefined
  readonly contentType: string
  /** Saved under this name by browsers; undefined for answers to programs. */
  readonly fileName?: string
  /** Shared caches may keep it. */
  readonly cache: 'public' | 'private' | 'none'
  /** Payload of a share: counts for tallies and for the policy on plain clients. */
  readonly payload: boolean
  /** Whether we can serve these bytes: all verified. */
  has(range: ByteRange): boolean
  /** Fills `into` from `offset` on. */
  read(offset: number, into: Uint8Array): Promise<void>
  /** These bytes go on the wire now. */
  sent?(offset: number, length: number): void
}

const CACHE = { public: 'public', private: 'private', none: 'no-store' } as const

/** Cache-Control: what a hash names never changes; nobody in between may transform it. */
export const cacheControl = ({ cache }: Representation): string =>
  cache === 'none' ? CACHE.none : `${CACHE[cache]}, max-age=31536000, immutable, no-transform`

/** Bytes that are in memory already. */
export function bytesRepresentation(
  bytes: Uint8Array,
  about: Pick<Representation, 'contentType' | 'etag' | 'cache'> & { readonly fileName?: string },
): Representation {
  return {
    ...about,
    length: bytes.length,
    payload: false,
    has: () => true,
    read: (offset, into) => {
      into.set(bytes.subarray(offset, offset + into.length))
      return Promise.resolve()
    },
  }
}

/** An answer that is no success: a status with a code for programs and a message for people. */
export class HttpFault extends CodedError {
  override readonly name = 'HttpFault'
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(code, message)
    this.status = status
    this.headers = headers
  }
}
