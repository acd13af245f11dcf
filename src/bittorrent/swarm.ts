/**
 * One torrent's peers: admits and drops connections, decides who is uploaded to, and gets what a magnet lacks before
 * the transfer can start.
 *
 * Source: BEP 3, 9, 27, 52. No timers: the host calls `tick`.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import type { InfoHashV1, InfoHashV2 } from '../base/ids.ts'
import type { Address, ByteStream, StreamOwner } from '../base/world.ts'
import type { Share } from '../content/share.ts'
import type { CloseReason } from '../transfer/source.ts'
import { agreeOn, dialHash, duplicateToDrop } from './admission.ts'
import { CHOKE_ROUND_MS, Choker } from './choker.ts'
import {
  DEFAULT_SWARM_SETTINGS,
  type Swarm,
  type SwarmOptions,
  type SwarmParts,
  type SwarmSettings,
  type SwarmStatus,
  type SwarmTransfer,
} from './contract.ts'
import { Dialing } from './dialing.ts'
import { fastSetFor } from './fast-set.ts'
import { encodeHandshake, type Handshake } from './handshake.ts'
import type { FileHashRange } from './hash-range.ts'
import { HashServer } from './hash-server.ts'
import { Magnet } from './magnet.ts'
import { PeerSession } from './peer-session.ts'
import { chokePeerOf, peerStatusOf } from './peer-status.ts'
import type { SessionSwarm } from './session-swarm.ts'
import { answerMetadata, type MetadataMessage } from './ut-metadata.ts'

/** Two seeds have nothing for each other. */
const SEEDS_IDLE_MS = 15_000

export class TorrentSwarm implements Swarm, SessionSwarm<PeerSession> {
  readonly settings: SwarmSettings
  readonly digests: SwarmParts['digests']
  readonly pool: SwarmParts['pool']
  readonly listenPort: number
  readonly tallyLinks: SwarmOptions['tallyLinks']
  infoHashV1: InfoHashV1 | undefined
  infoHashV2: InfoHashV2 | undefined
  transfer: SwarmTransfer | undefined
  hashServer: HashServer | undefined
  readonly #parts: SwarmParts
  readonly #sessions = new Map<number, PeerSession>()
  readonly #bannedIds = new Set<string>()
  readonly #closes: Record<string, number> = {}
  readonly #dialing: Dialing
  readonly #magnet: Magnet<PeerSession>
  readonly #choker: Choker
  #share: Share | undefined
  #nextId = 1
  #chokedAtMs = 0
  #past = { receivedBytes: 0, sentBytes: 0 }
  #onShare: ((share: Share) => void) | undefined
  #ready: Share | undefined
  #closed = false

  constructor(options: SwarmOptions, parts: SwarmParts) {
    assert(options.infoHashV1 !== undefined || options.infoHashV2 !== undefined, 'a swarm has an info hash')
    this.settings = { ...DEFAULT_SWARM_SETTINGS, ...options.settings }
    this.#parts = parts
    this.digests = parts.digests
    this.pool = parts.pool
    this.listenPort = parts.listenPort
    this.tallyLinks = options.tallyLinks
    this.infoHashV1 = options.infoHashV1
    this.infoHashV2 = options.infoHashV2
    const { uploadSlots, metadataBytesMax } = this.settings
    const choking = { ...this.settings, slots: uploadSlots, seeding: 'round-robin' } as const
    this.#choker = new Choker(choking, parts.random.fraction)
    const swarm = this
    this.#dialing = new Dialing(this.settings, parts, {
      handshake: () => this.#ourHandshake(dialHash(this)),
      admit: (stream, handshake, dialled) => this.admit(stream, handshake, dialled),
      count: (code) => this.#count(code),
      get room() {
        return swarm.settings.peersMax - swarm.#sessions.size
      },
    })
    const magnet = { ...options, bytesMax: metadataBytesMax, digests: parts.digests }
    this.#magnet = new Magnet(magnet, {
      peers: { [Symbol.iterator]: () => this.#sessions.values() },
      infoKnown: (share) => this.#infoKnown(share),
      shareReady: (share) => this.#shareReady(share),
      lied: (session, code) => this.#ban(session, code),
      unusable: (code) => this.#count(code),
    })
  }

  // Swarm

  addPeers(addresses: readonly Address[]): number {
    let added = 0
    for (const address of addresses) if (this.#dialing.book.add(address)) added++
    this.#dialing.more(this.nowMs())
    return added
  }

  setTransfer(transfer: SwarmTransfer): void {
    this.transfer = transfer
    this.#infoKnown(transfer.share)
    this.hashServer =
      transfer.share.version === 'v1' ? undefined : new HashServer(transfer.reader, this.digests.sha256)
    this.#magnet.setShare(transfer.share, this.nowMs())
    for (const session of [...this.#sessions.values()]) session.setTransfer(transfer)
    this.interestChanged()
  }

  onShare(callback: (share: Share) => void): void {
    this.#onShare = callback
    if (this.#ready !== undefined && this.transfer === undefined) callback(this.#ready)
  }

  status(): SwarmStatus {
    const sessions = [...this.#sessions.values()]
    const peers = sessions.map(peerStatusOf)
    const sum = (key: 'receivedBytes' | 'sentBytes') =>
      peers.reduce((total, peer) => total + peer[key], this.#past[key])
    return {
      ...(this.infoHashV1 && { infoHashV1: toHex(this.infoHashV1) }),
      ...(this.infoHashV2 && { infoHashV2: toHex(this.infoHashV2) }),
      phase: this.#magnet.phase,
      peers,
      addressesKnown: this.#dialing.book.size,
      addressesDropped: this.#dialing.book.dropped,
      dialsInFlight: this.#dialing.inFlight,
      bans: this.#bannedIds.size,
      receivedBytes: sum('receivedBytes'),
      sentBytes: sum('sentBytes'),
      metadata: this.#magnet.progress,
      closes: { ...this.#closes },
    }
  }

  /** Signs the last tallies (two seconds at most), then closes everything. Idempotent. */
  [Symbol.asyncDispose](): Promise<void> {
    const sessions = [...this.#sessions.values()]
    if (!this.#closed) {
      this.#closed = true
      this.#parts.closed()
      this.#dialing.close()
    }
    return Promise.allSettled(sessions.map((session) => session.tally.finish())).then(() => {
      for (const session of sessions) session.close('SWARM_CLOSED')
    })
  }

  // For the host

  /** A few times a second. */
  tick(nowMs: number): void {
    if (this.#closed) return
    this.#dialing.tick(nowMs)
    if (this.#sessions.size === 0) return
    this.#magnet.tick(nowMs)
    for (const session of [...this.#sessions.values()]) {
      session.tick(nowMs)
      if (this.#isIdleSeed(session, nowMs)) session.close('BOTH_SEEDS')
    }
    if (nowMs - this.#chokedAtMs < CHOKE_ROUND_MS) return
    this.#chokedAtMs = nowMs
    const weSeed = this.transfer?.reader.have.isFull ?? false
    this.#apply(this.#choker.round([...this.#sessions.values()].map(chokePeerOf), nowMs, weSeed))
  }

  /** Makes a session of a connection whose handshake was read, or returns the code to close it with. */
  admit(stream: ByteStream, remote: Handshake, dialled?: Address): StreamOwner | string {
    if (this.#closed) return 'SWARM_CLOSED'
    const agreed = agreeOn(this, remote, dialled !== undefined)
    if (agreed === undefined) return 'WRONG_INFO_HASH'
    const refusal = this.#refusal(stream, remote, dialled)
    if (refusal !== undefined) return refusal
    const local = this.#ourHandshake(agreed.infoHash)
    if (dialled === undefined) stream.send(encodeHandshake(local))
    else this.#dialing.book.connected(dialled)
    const id = this.#nextId++
    const session = new PeerSession({ id, stream, remote, local, dialled, wire: agreed.wire }, this)
    this.#sessions.set(id, session)
    session.guarded(() => session.open())
    return session
  }

  // SessionSwarm

  nowMs(): number {
    return this.#parts.clock.monotonicMs()
  }

  /** Private shares come only from their tracker's .torrent (BEP 27). */
  get infoBytes(): Uint8Array | undefined {
    return this.#share?.private ? undefined : this.#share?.infoBytes
  }

  fastSetOf({ options }: PeerSession): readonly number[] {
    const pieceCount = this.transfer?.share.layout.pieceCount ?? 0
    const { infoHash } = options.local
    return fastSetFor(options.stream.remote.host, { infoHash, pieceCount }, this.digests.sha1)
  }

  extensionsKnown(session: PeerSession): void {
    this.#magnet.peerKnown(session, this.nowMs())
  }

  metadataMessage(session: PeerSession, message: MetadataMessage): void {
    if (message.type === 'request') answerMetadata(session, message.piece, this.infoBytes)
    else this.#magnet.message(session, message, this.nowMs())
  }

  hashAnswer(session: PeerSession, range: FileHashRange, hashes: Uint8Array | undefined): void {
    this.#magnet.hashAnswer(session, { range, hashes }, this.nowMs())
  }

  /** Free slots are filled at once; nobody loses one. */
  interestChanged(): void {
    this.#apply(this.#choker.fill([...this.#sessions.values()].map(chokePeerOf)))
  }

  sourceClosed(session: PeerSession, reason: CloseReason): void {
    if (reason.code === 'complete') session.becameSeed()
    else if (reason.code === 'bad-data') this.#ban(session, 'BAD_DATA')
    else session.close(reason.code === 'too-slow' ? 'TOO_SLOW' : 'STOPPED')
  }

  closed(session: PeerSession, code: string): void {
    if (!this.#sessions.delete(session.options.id)) return
    const nowMs = this.nowMs()
    this.#past.receivedBytes += session.exchange.receivedBytes
    this.#past.sentBytes += session.exchange.sentBytes
    this.#count(code)
    const { dialled } = session.options
    if (dialled !== undefined) {
      if (session.exchange.receivedBytes > 0) this.#dialing.book.proved(dialled)
      this.#dialing.book.ended(dialled, nowMs)
    }
    this.#magnet.peerGone(session, nowMs)
    if (!this.#closed) this.interestChanged()
  }

  #ourHandshake(infoHash: Uint8Array): Handshake {
    const v2 = this.infoHashV2 !== undefined
    return { extensions: true, fast: true, v2, infoHash, peerId: this.#parts.peerId }
  }

  #refusal(stream: ByteStream, { peerId }: Handshake, dialled: Address | undefined): string | undefined {
    const ours = this.#parts.peerId
    const id = toHex(peerId)
    if (id === toHex(ours)) {
      if (dialled !== undefined) this.#dialing.book.ban(dialled)
      return 'SELF'
    }
    if (this.#bannedIds.has(id) || this.#dialing.book.isBanned(stream.remote)) return 'BANNED'
    for (const older of this.#sessions.values()) {
      if (toHex(older.peerId) !== id) continue
      const age = { weDialled: older.weDialled, ageMs: this.nowMs() - older.openedMs }
      if (duplicateToDrop({ ours, theirs: peerId }, age, dialled !== undefined) === 'newer')
        return 'DUPLICATE'
      older.close('DUPLICATE')
    }
    return this.#sessions.size >= this.settings.peersMax ? 'PEERS_MAX' : undefined
  }

  #infoKnown(share: Share): void {
    this.#share = share
    this.infoHashV1 ??= share.infoHashV1
    this.infoHashV2 ??= share.infoHashV2
    this.#parts.hashesChanged()
  }

  #shareReady(share: Share): void {
    this.#ready = share
    this.#onShare?.(share)
  }

  #ban(session: PeerSession, code: string): void {
    if (this.#bannedIds.size < this.settings.addressesMax) this.#bannedIds.add(toHex(session.peerId))
    this.#dialing.book.ban(session.options.dialled ?? session.options.stream.remote)
    session.close(code)
  }

  #count(code: string): void {
    this.#closes[code] = (this.#closes[code] ?? 0) + 1
  }

  #apply(unchoked: ReadonlySet<number>): void {
    for (const session of [...this.#sessions.values()])
      session.exchange.setChoked(!unchoked.has(session.options.id))
  }

  #isIdleSeed(session: PeerSession, nowMs: number): boolean {
    const weSeed = this.transfer?.reader.have.isFull ?? false
    return weSeed && session.exchange.pieces.isSeed && nowMs - session.lastUsefulMs > SEEDS_IDLE_MS
  }
}
