/**
 * Two tally links over a pipe in memory, with real keys, credentials and signatures: what link tests and attacks use.
 *
 * @module
 */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { messageOf } from '../base/errors.ts'
import { infoHashV2, type ScopeId, type ShareId } from '../base/ids.ts'
import { systemClock, systemRandom } from '../base/io/system.ts'
import { Layout } from '../content/layout.ts'
import type { Share } from '../content/share.ts'
import type { Ed25519, Ed25519Key } from '../crypto/ed25519.ts'
import { createNodeEd25519 } from '../crypto/io/ed25519.ts'
import { encodeCredential, type SignedBytes } from './credential.ts'
import { decodeFrame, encodeFrame, type Frame, type Hello } from './frames.ts'
import { systemSchedule } from './io/schedule.ts'
import type { TallyLink } from './link.ts'
import { createTallyLinkFactory } from './link-factory.ts'
import type { TallyLinkParts, TallyLinkSettings } from './link-settings.ts'
import { scopeIdOf } from './scope.ts'
import { shareIdOf } from './share-id.ts'
import { SessionTable } from './store.ts'

export const PIECE_BYTES = 262_144
export const BLOCK = 16_384
const QUIET_TURNS = 20
export const ed25519 = createNodeEd25519()

export const nowS = () => Math.floor(Date.now() / 1000)

export type TestShare = Pick<Share, 'version' | 'layout' | 'infoHashV1' | 'infoHashV2'>

/** A v2 share of one file. */
export function oneFileShare(bytes: number): TestShare {
  const files = [{ index: 0, path: 'file', length: bytes, offset: 0 }]
  const layout = new Layout({ pieceLength: PIECE_BYTES, files, totalLength: bytes })
  return { version: 'v2', layout, infoHashV2: infoHashV2(new Uint8Array(32).fill(7)) }
}

export type TestAuthority = { readonly key: Ed25519Key; readonly scope: ScopeId }

export async function createTestAuthority(): Promise<TestAuthority> {
  const key = await ed25519.generate()
  return { key, scope: scopeIdOf({ kind: 'tracker', key: key.publicKey }) }
}

export async function credentialFor(
  authority: TestAuthority,
  subject: { share: ShareId; swarmKey: Uint8Array; notBeforeS?: number; notAfterS?: number },
): Promise<SignedBytes> {
  const document = encodeCredential({
    scope: authority.scope,
    notBeforeS: nowS() - 1000,
    notAfterS: nowS() + 86_400,
    ...subject,
  })
  return { document, signature: await ed25519.sign(authority.key, document) }
}

export type Party = {
  readonly key: Ed25519Key
  readonly link: TallyLink
  readonly table: SessionTable
  /** Frames this party sent, decoded. */
  readonly sent: Frame[]
  allowance: PromiseWithResolvers<void>
  /** What this party says to the other's link, before it goes; return undefined to hold it back. */
  tamper: (frame: Uint8Array) => Uint8Array | undefined
}

type PairOptions = {
  readonly bytes?: number
  readonly share?: TestShare
  readonly settings?: Partial<TallyLinkSettings>
  readonly alice?: Partial<TallyLinkParts>
  readonly bob?: Partial<TallyLinkParts>
  readonly authority?: TestAuthority
  /** What Bob says instead of his HELLO; undefined: nothing. */
  readonly bobHello?: (hello: Hello, pair: Pair) => Frame | undefined
}

type PartsOf = Partial<TallyLinkParts> & { readonly swarmKey: Ed25519Key; readonly credential: SignedBytes }

async function partsOf(pair: Pair, given: Partial<TallyLinkParts> = {}): Promise<PartsOf> {
  const swarmKey = given.swarmKey ?? (await ed25519.generate())
  const subject = { share: shareIdOf(pair.share), swarmKey: swarmKey.publicKey }
  return { ...given, swarmKey, credential: await credentialFor(pair.authority, subject) }
}

export class Pair implements AsyncDisposable {
  alice!: Party
  bob!: Party
  readonly violations: { by: 'alice' | 'bob'; code: string; message: string }[] = []
  readonly share: TestShare
  readonly authority: TestAuthority
  #inFlight = 0

  constructor(share: TestShare, authority: TestAuthority) {
    this.share = share
    this.authority = authority
  }

  /** Synchronous from here on: both links exist before the first frame of either arrives. */
  join(name: 'alice' | 'bob', settings: TallyLinkSettings, parts: PartsOf): void {
    const { swarmKey: key, credential } = parts
    const { scope } = this.authority
    const table = new SessionTable()
    const make = createTallyLinkFactory(settings, {
      ed25519: this.#counted(),
      clock: systemClock,
      random: systemRandom,
      schedule: (delayMs, run) => this.#scheduled(delayMs, run),
      store: table,
      memberships: () => [{ scope, authorityKey: this.authority.key.publicKey, credential }],
      ...parts,
    })
    const other = () => (name === 'alice' ? this.bob : this.alice)
    const link = make(
      {
        send: (frame) => {
          party.sent.push(decodeFrame(frame))
          const said = party.tamper(frame)
          if (said !== undefined) this.#carry(other().link, name === 'alice' ? 'bob' : 'alice', said)
        },
        onAllowance: () => party.allowance.resolve(),
        onViolation: (code, message) => {
          this.violations.push({ by: name, code, message })
          party.allowance.resolve()
        },
      },
      { transport: new Uint8Array(32).fill(9), weDialled: name === 'alice', label: name },
    )
    const party: Party = {
      key,
      link,
      table,
      sent: [],
      allowance: Promise.withResolvers<void>(),
      tamper: (frame) => frame,
    }
    this[name] = party
  }

  /** Alice or Bob sends `bytes` of the share from `at` on, piece by piece; the other verifies each. */
  async deliver(from: Party, to: Party, bytes: number, at = 0): Promise<void> {
    const { layout } = this.share
    for (let offset = at; offset < at + bytes && this.violations.length === 0; ) {
      const piece = Math.floor(offset / PIECE_BYTES)
      const begin = offset % PIECE_BYTES
      const length = Math.min(BLOCK, layout.pieceBytes(piece) - begin)
      from.allowance = Promise.withResolvers<void>()
      if (!from.link.maySend(length)) {
        await from.allowance.promise
        continue
      }
      from.link.sent(piece, begin, length, layout.payloadBytesIn(piece, begin, length))
      offset += length
      if (begin + length === layout.pieceBytes(piece)) {
        const payload = layout.payloadBytesIn(piece, 0, begin + length)
        to.link.verified(piece, 0, begin + length, payload)
        offset = (piece + 1) * PIECE_BYTES
      }
      if (piece % 8 === 0) await turn()
    }
  }

  /** Delivers half a MiB from Alice to Bob and lets him sign for it. */
  async begin(): Promise<void> {
    await this.deliver(this.alice, this.bob, 2 ** 19)
    await this.settled()
  }

  /** Puts bytes on the pipe as if `from` had said them. */
  inject(from: Party, frame: Uint8Array): void {
    if (from === this.alice) this.#carry(this.bob.link, 'bob', frame)
    else this.#carry(this.alice.link, 'alice', frame)
  }

  /** Waits until nothing is on the pipe, nothing is being signed or checked, and no timer of a link runs. */
  async settled(): Promise<void> {
    // Between two of these, all that follows from what has ended is under way: some turns for terms of the test's own.
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      await turn()
      quiet = this.#inFlight === 0 ? quiet + 1 : 0
      if (quiet === 0) await sleep(1)
    }
  }

  /** Who saw which rule broken, once everything has come to rest. */
  async codes(): Promise<string[]> {
    await this.settled()
    return this.violations.map(({ by, code }) => `${by}: ${code}`)
  }

  /** As do the timers of links. */
  #scheduled(delayMs: number, run: () => void): () => void {
    this.#inFlight++
    let over = () => {
      over = () => undefined
      this.#inFlight--
    }
    const cancel = systemSchedule(delayMs, () => {
      over()
      run()
    })
    return () => {
      cancel()
      over()
    }
  }

  /** Signatures under way count as being on the pipe. */
  #counted(): Ed25519 {
    const count = async <T>(work: Promise<T>): Promise<T> => {
      this.#inFlight++
      try {
        return await work
      } finally {
        this.#inFlight--
      }
    }
    return {
      ...ed25519,
      sign: (key, message) => count(ed25519.sign(key, message)),
      verify: (key, signature, message) => count(ed25519.verify(key, signature, message)),
    }
  }

  #carry(link: TallyLink, by: 'alice' | 'bob', frame: Uint8Array): void {
    this.#inFlight++
    setImmediate(() => {
      this.#inFlight--
      try {
        link.receiveFrame(frame)
      } catch (error) {
        this.violations.push({ by, code: (error as { code: string }).code, message: messageOf(error) })
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.alice.link.close()
    this.bob.link.close()
  }
}

export async function createPair(options: PairOptions = {}): Promise<Pair> {
  const share = options.share ?? oneFileShare(options.bytes ?? 4 * 2 ** 20)
  const pair = new Pair(share, options.authority ?? (await createTestAuthority()))
  const settings: TallyLinkSettings = {
    share,
    unitBytes: BLOCK,
    strangers: 'refuse',
    bilateral: false,
    ...options.settings,
  }
  const [alice, bob] = [await partsOf(pair, options.alice), await partsOf(pair, options.bob)]
  pair.join('alice', settings, alice)
  pair.join('bob', settings, bob)
  const { bobHello } = options
  if (bobHello !== undefined) {
    pair.bob.tamper = (bytes) => {
      const frame = decodeFrame(bytes)
      const said = frame.type === 'hello' ? bobHello(frame, pair) : frame
      return said && encodeFrame(said)
    }
  }
  return pair
}

/** As much as the window lets through, unverified. Returns how many bytes. */
export function pour(from: Party, upTo: number, at = 0): number {
  let offset = at
  while (offset < at + upTo && from.link.maySend(BLOCK)) {
    from.link.sent(Math.floor(offset / PIECE_BYTES), offset % PIECE_BYTES, BLOCK, BLOCK)
    offset += BLOCK
  }
  return offset - at
}
