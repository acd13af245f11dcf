/**
 * A share in plain data: names, links, files. What `share` and `inspect` print.
 *
 * @module
 */
import { toHex } from '../base/bytes.ts'
import { formatEd2kLink } from '../content/ed2k-link.ts'
import { formatMagnet } from '../content/magnet.ts'
import type { Share } from '../content/share.ts'

export type ShareDescription = {
  readonly name: string
  readonly version: Share['version']
  readonly infoHashV1?: string
  readonly infoHashV2?: string
  readonly magnet: string
  readonly bytes: number
  readonly pieceLength: number
  readonly pieces: number
  readonly private: boolean
  readonly trackers: readonly (readonly string[])[]
  readonly webSeeds: readonly string[]
  readonly files: readonly {
    readonly path: string
    readonly length: number
    readonly cid?: string
    readonly ed2k?: string
  }[]
}

export function describeShare(share: Share): ShareDescription {
  const { infoHashV1, infoHashV2 } = share
  const magnet = formatMagnet({
    ...(infoHashV1 ? { infoHashV1 } : {}),
    ...(infoHashV2 ? { infoHashV2 } : {}),
    name: share.name,
    trackers: share.trackers.flat(),
    webSeeds: share.webSeeds,
  })
  return {
    name: share.name,
    version: share.version,
    ...(infoHashV1 ? { infoHashV1: toHex(infoHashV1) } : {}),
    ...(infoHashV2 ? { infoHashV2: toHex(infoHashV2) } : {}),
    magnet,
    bytes: share.layout.payloadBytes,
    pieceLength: share.layout.pieceLength,
    pieces: share.layout.pieceCount,
    private: share.private,
    trackers: share.trackers,
    webSeeds: share.webSeeds,
    files: share.files.map(({ path, length, cid, ed2k }) => ({
      path,
      length,
      ...(cid ? { cid: toHex(cid) } : {}),
      ...(ed2k && length > 0
        ? { ed2k: formatEd2kLink({ name: path.split('/').at(-1)!, length, hash: ed2k }) }
        : {}),
    })),
  }
}
