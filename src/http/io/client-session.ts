/**
 * The client's end of a tally session: one link on one connection, frames queued until a request can carry
 * them.
 *
 * @module
 */
import { CodedError } from '../../base/errors.ts'
import type { PeerId } from '../../base/ids.ts'
import { sha256 } from '../../crypto/io/sha.ts'
import type { TallyLink, TallyLinkFactory } from '../../tally/link.ts'
import {
  decodeFramesBody,
  decodeFramesHeader,
  encodeFramesBody,
  encodeFramesHeader,
  FRAMES_BODY_BYTES_MAX,
  FRAMES_HEADER,
  FRAMES_MAX,
  framesThatFit,
  MORE_HEADER,
  transportId,
} from '../frames.ts'
import { Bell } from './bell.ts'
import type { HttpClient } from './http-client.ts'

/** Rounds of `POST /tally` in one flush: a whole handshake takes fewer. */
const FLUSH_ROUNDS_MAX = 8
/** Our own link says little; the server fetches at every request. */
const QUEUED_FRAMES_MAX = 1_024

type Headers = Readonly<Record<string, string | string[] | undefined>>

export type ClientSessionParts = {
  /** Of this session's one connection. */
  readonly client: HttpClient
  readonly base: URL
  readonly ours: PeerId
  readonly theirs: PeerId
  readonly createLink: TallyLinkFactory
  readonly signal: AbortSignal
  /** There is something to say, or to complain of. */
  readonly onPending: () => void
  readonly onPrice: (priceWeiPerMib: bigint) => void
}

export class ClientSession {
  readonly link: TallyLink
  readonly #parts: ClientSessionParts
  readonly #bell = new Bell()
  #outgoing: Uint8Array[] = []
  #more = false
  #violation: CodedError | undefined

  constructor(parts: ClientSessionParts) {
    this.#parts = parts
    const { ours, theirs, createLink, base, onPending, onPrice } = parts
    const notify = () => {
      this.#bell.ring()
      onPending()
    }
    this.link = createLink(
      {
        send: (frame) => {
          if (this.#outgoing.length < QUEUED_FRAMES_MAX) this.#outgoing.push(frame)
          else this.#violation ??= new CodedError('TALLY_FRAMES_UNSENT', 'frames cannot be delivered')
          notify()
        },
        onAllowance: () => undefined, // we only receive payload here
        onPrice,
        onViolation: (code, message) => {
          this.#violation ??= new CodedError(code, message)
          notify()
        },
      },
      { transport: transportId(ours, theirs, sha256), weDialled: true, label: base.host },
    )
  }

  /** Frames wait to be sent or fetched. */
  get pending(): boolean {
    return this.#outgoing.length > 0 || this.#more
  }

  /** Headers of the next request. @throws {CodedError} when the link found the server at fault */
  takeHeaders(): Record<string, string> {
    this.#check()
    const frames = this.#outgoing.splice(0, framesThatFit(this.#outgoing))
    return frames.length === 0 ? {} : { [FRAMES_HEADER]: encodeFramesHeader(frames) }
  }

  /** Frames of a response. @throws {DecodeError | CodedError} */
  receive(headers: Headers): void {
    const frames = headers[FRAMES_HEADER.toLowerCase()]
    this.#more = headers[MORE_HEADER.toLowerCase()] !== undefined
    if (typeof frames === 'string') {
      for (const frame of decodeFramesHeader(frames)) this.link.receiveFrame(frame)
    }
    this.#check()
  }

  /** Resolves when our link has something to say, at latest after `waitMs`. */
  async settled(waitMs: number): Promise<void> {
    if (this.pending) return
    await this.#bell.heard(waitMs)
  }

  /** Exchanges what waits by `POST /tally`. @throws {CodedError} */
  async flush(): Promise<void> {
    const { client, base, signal } = this.#parts
    for (let round = 0; this.pending && round < FLUSH_ROUNDS_MAX; round++) {
      this.#check()
      const body = encodeFramesBody(this.#outgoing.splice(0, FRAMES_MAX))
      const url = new URL('tally', base)
      const response = await client.send({ url, method: 'POST', body, signal })
      if (response.statusCode !== 200) {
        await client.drop(response)
        throw new CodedError('TALLY_REFUSED', `frames were answered with ${response.statusCode}`)
      }
      const answer = await client.readSmall(response, FRAMES_BODY_BYTES_MAX)
      this.receive(response.headers)
      for (const frame of decodeFramesBody(answer)) this.link.receiveFrame(frame)
    }
  }

  /** Signs for what is left, tells the server, and ends the link. Never rejects. */
  async finish(): Promise<void> {
    try {
      if (this.#violation === undefined) {
        await this.link.finish()
        await this.flush()
      }
    } catch {
      // The connection is gone: what was signed before stands, the rest is lost to the server. Nothing to
      // repair.
    } finally {
      this.close()
    }
  }

  close(): void {
    this.#bell.ring()
    this.link.close()
  }

  #check(): void {
    if (this.#violation !== undefined) throw this.#violation
  }
}
