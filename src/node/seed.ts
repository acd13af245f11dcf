/**
 * Seeding data that is on disk: peers, HTTP and trackers over one reader.
 *
 * @module
 */
import type { Address } from '../base/world.ts'
import type { Swarm } from '../bittorrent/contract.ts'
import type { Share } from '../content/share.ts'
import { openSeed } from '../transfer/io/seed.ts'
import type { ShareReader } from '../transfer/reader.ts'
import { announce, announcedHashes } from './announce.ts'
import type { Node } from './node.ts'

export type SeedRequest = {
  readonly share: Share
  readonly torrentBytes: Uint8Array
  /** The file or folder with the data. */
  readonly rootPath: string
  /** 'hash': look at the data first, offer what is right. 'sizes': it was hashed just now, or is taken on trust. */
  readonly check: 'hash' | 'sizes'
  readonly priceWeiPerMib: bigint
  readonly discovery: boolean
  readonly peers: readonly Address[]
  readonly protocols: ReadonlySet<'bt' | 'http'>
  readonly signal?: AbortSignal
}

export type Seeding = AsyncDisposable & {
  readonly share: Share
  readonly reader: ShareReader
  readonly swarm?: Swarm
}

/** @throws {CodedError} when the data is not there, or not what the torrent says (`check: 'sizes'`) */
export async function seed(node: Node, request: SeedRequest): Promise<Seeding> {
  const { share, rootPath, check, protocols, signal } = request
  await using opened = new AsyncDisposableStack()
  const { reader } = opened.use(
    await openSeed({ share, rootPath, check, ...(signal ? { signal } : {}) }, { store: node.store }),
  )
  const { priceWeiPerMib, torrentBytes } = request
  const tallyLinks = await node.tallies?.linksFor(share, { priceWeiPerMib })
  const tally = tallyLinks ? { tallyLinks } : {}
  if (protocols.has('http') && node.http) {
    const { http } = node
    http.add(reader, { torrent: torrentBytes, ...tally })
    opened.defer(() => http.remove(share))
  }
  let swarm: Swarm | undefined
  if (protocols.has('bt')) {
    const { infoHashV1, infoHashV2 } = share
    const names = { ...(infoHashV1 ? { infoHashV1 } : {}), ...(infoHashV2 ? { infoHashV2 } : {}) }
    swarm = opened.use(node.bittorrent.addSwarm({ ...names, ...tally }))
    swarm.setTransfer({ share, reader })
    swarm.addPeers(request.peers)
    if (request.discovery && share.trackers.length > 0) {
      const announced = swarm
      const leftBytes = missingBytes(reader)
      opened.use(
        announce(node, swarm, {
          hashes: announcedHashes(share),
          tiers: share.trackers,
          progress: () => ({
            uploaded: announced.status().sentBytes,
            downloaded: 0,
            left: leftBytes,
            partialSeed: leftBytes > 0,
          }),
        }),
      )
    }
  }
  const stack = opened.move()
  return { share, reader, ...(swarm ? { swarm } : {}), [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** Payload of the pieces that are not had. */
function missingBytes({ share, have }: ShareReader): number {
  const { layout } = share
  let bytes = 0
  for (let piece = 0; piece < layout.pieceCount; piece++) {
    if (!have.has(piece)) bytes += layout.payloadBytesIn(piece, 0, layout.pieceBytes(piece))
  }
  return bytes
}
