/**
 * Whether a connection may join a swarm, and under which info hash we answer it.
 *
 * Source: BEP 3 (peer ids), BEP 52 "upgrade path".
 *
 * @module
 */
import { bytesEqual, compareBytes } from '../base/bytes.ts'
import type { InfoHashV1, InfoHashV2, PeerId } from '../base/ids.ts'
import { type Handshake, WIRE_INFO_HASH_BYTES } from './handshake.ts'

/** Two connections to one peer: the older stays, unless it is this young; then the greater id's dial stays. */
const SIMULTANEOUS_MS = 5_000

export type SwarmHashes = {
  readonly infoHashV1: InfoHashV1 | undefined
  readonly infoHashV2: InfoHashV2 | undefined
}

/** The 20 bytes that name a v2 share on the wire. */
export const truncated = (infoHash: InfoHashV2): Uint8Array => infoHash.subarray(0, WIRE_INFO_HASH_BYTES)

/** What we say when we dial: v1 for hybrids, the reserved bit offers the upgrade. */
export const dialHash = ({ infoHashV1, infoHashV2 }: SwarmHashes): Uint8Array =>
  infoHashV1 ?? truncated(infoHashV2!)

/** How both sides of a handshake understand each other, or undefined when the info hash is not ours. */
export function agreeOn(
  hashes: SwarmHashes,
  remote: Handshake,
  weDialled: boolean,
): { readonly infoHash: Uint8Array; readonly wire: 'v1' | 'v2' } | undefined {
  const { infoHashV1, infoHashV2 } = hashes
  const v2 = infoHashV2 && truncated(infoHashV2)
  if (v2 && bytesEqual(remote.infoHash, v2)) return { infoHash: v2, wire: 'v2' }
  if (infoHashV1 === undefined || !bytesEqual(remote.infoHash, infoHashV1)) return undefined
  // The dialler offered to be upgraded, and the answer decides.
  if (v2 && remote.v2 && !weDialled) return { infoHash: v2, wire: 'v2' }
  return { infoHash: infoHashV1, wire: 'v1' }
}

/** Which of two connections to the same peer must go. */
export function duplicateToDrop(
  ids: { readonly ours: PeerId; readonly theirs: PeerId },
  older: { readonly weDialled: boolean; readonly ageMs: number },
  newerWeDialled: boolean,
): 'older' | 'newer' {
  if (older.weDialled === newerWeDialled || older.ageMs > SIMULTANEOUS_MS) return 'newer'
  const ourDialStays = compareBytes(ids.ours, ids.theirs) > 0
  return newerWeDialled === ourDialStays ? 'older' : 'newer'
}
