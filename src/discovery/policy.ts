/**
 * Which ways of finding peers a torrent allows.
 *
 * Source: BEP 27: a private torrent's peers come from its tracker and from nowhere else.
 *
 * @module
 */

/** `named` are peers the user typed; `magnet` the `x.pe` of a magnet link. */
export type PeerOrigin = 'tracker' | 'dht' | 'pex' | 'lsd' | 'magnet' | 'named' | 'incoming'

/**
 * Those a private torrent may use: what the tracker says, who it sent to us, and whom the user insists on.
 */
const PRIVATE: ReadonlySet<PeerOrigin> = new Set(['tracker', 'incoming', 'named'])

export const mayUseOrigin = (share: { readonly private: boolean }, origin: PeerOrigin): boolean =>
  !share.private || PRIVATE.has(origin)
