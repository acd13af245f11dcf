/**
 * The .torrent of a share that came without one: by magnet, its info dictionary and piece layers fetched from peers.
 *
 * Source: BEP 3, 12, 19, 52. `info` is canonical (the parser takes nothing else), so writing it again gives the same
 * bytes and the same info hashes.
 *
 * @module
 */
import { type BencodeInput, decodeBencodeDict, encodeBencode, keyOf } from './bencode.ts'
import { TORRENT_LIMITS } from './metainfo.ts'
import type { Share } from './share.ts'

/** Trackers and web seeds are those of the share, or the ones given. */
export function formatTorrent(
  share: Share,
  given: Partial<Pick<Share, 'trackers' | 'webSeeds'>> = {},
): Uint8Array {
  const { trackers, webSeeds } = { ...share, ...given }
  const layers = new Map<string, BencodeInput>()
  for (const [file, layer] of share.pieceLayers) layers.set(keyOf(share.files[file]!.piecesRoot!), layer)
  return encodeBencode({
    announce: trackers[0]?.[0],
    'announce-list': trackers.flat().length > 1 ? trackers : undefined,
    info: decodeBencodeDict(share.infoBytes, TORRENT_LIMITS),
    'piece layers': share.version === 'v1' ? undefined : layers,
    'url-list': webSeeds.length > 0 ? webSeeds : undefined,
  })
}
