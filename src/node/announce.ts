/**
 * Keeps a share announced and feeds its swarm with the peers that trackers name.
 *
 * @module
 */
import { systemClock, systemRandom } from '../base/io/system.ts'
import type { Swarm } from '../bittorrent/contract.ts'
import type { Share } from '../content/share.ts'
import { createTrackerClient, type TrackerClient } from '../discovery/io/tracker-client.ts'
import type { AnnounceProgress } from '../discovery/standing.ts'
import type { Node } from './node.ts'

const TRUNCATED_HASH_BYTES = 20

/** The names a tracker knows a swarm by: v1, and v2 cut to 20 bytes (BEP 52). */
export function announcedHashes(share: Pick<Share, 'infoHashV1' | 'infoHashV2'>): Uint8Array[] {
  const hashes: Uint8Array[] = []
  if (share.infoHashV1) hashes.push(share.infoHashV1)
  if (share.infoHashV2) hashes.push(share.infoHashV2.subarray(0, TRUNCATED_HASH_BYTES))
  return hashes
}

export function announce(
  node: Node,
  swarm: Swarm,
  share: {
    readonly hashes: readonly Uint8Array[]
    readonly tiers: readonly (readonly string[])[]
    readonly progress: () => AnnounceProgress
  },
): TrackerClient {
  return createTrackerClient(
    {
      tiers: share.tiers,
      infoHashes: share.hashes,
      peerId: node.bittorrent.peerId,
      port: node.bittorrent.address?.port ?? 0,
    },
    {
      announcer: node.announcer,
      clock: systemClock,
      random: systemRandom,
      progress: share.progress,
      onPeers: (peers) => {
        swarm.addPeers(peers)
      },
    },
  )
}
