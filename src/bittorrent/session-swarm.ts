/**
 * The contract between a session and its swarm.
 *
 * @module
 */
import type { TallyLinkFactory } from '../tally/link.ts'
import type { CloseReason } from '../transfer/source.ts'
import type { BlockPool } from './block-pool.ts'
import type { Digests, SwarmSettings, SwarmTransfer } from './contract.ts'
import type { FileHashRange } from './hash-range.ts'
import type { HashServer } from './hash-server.ts'
import type { MetadataMessage } from './ut-metadata.ts'

/** What a session knows of its swarm, and tells it. */
export type SessionSwarm<Session> = {
  readonly settings: SwarmSettings
  readonly digests: Digests
  readonly pool: BlockPool
  readonly listenPort: number
  readonly tallyLinks: TallyLinkFactory | undefined
  readonly transfer: SwarmTransfer | undefined
  /** The info dictionary as served; undefined while unknown and for private shares (BEP 27). */
  readonly infoBytes: Uint8Array | undefined
  readonly hashServer: HashServer | undefined
  nowMs(): number
  /** BEP 6; empty where there is none. */
  fastSetOf(session: Session): readonly number[]
  extensionsKnown(session: Session): void
  metadataMessage(session: Session, message: MetadataMessage): void
  /** `hashes` undefined: rejected. */
  hashAnswer(session: Session, range: FileHashRange, hashes: Uint8Array | undefined): void
  /** The peer's wish changed, or what the tally allows it. */
  interestChanged(): void
  sourceClosed(session: Session, reason: CloseReason): void
  closed(session: Session, code: string): void
}
