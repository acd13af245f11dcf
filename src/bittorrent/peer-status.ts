/**
 * Plain figures of a session: for people, and for the choker.
 *
 * @module
 */
import { BLOCK_BYTES } from '../content/layout.ts'
import type { ChokePeer } from './choker.ts'
import type { PeerStatus } from './contract.ts'
import type { PeerSession } from './peer-session.ts'

export function peerStatusOf(session: PeerSession): PeerStatus {
  const { options, extensions, exchange, tally } = session
  const { pieces, download, upload } = exchange
  return {
    address: options.stream.remote,
    peerId: Array.from(options.remote.peerId, printable).join(''),
    client: extensions.peer.client ?? '',
    outgoing: options.stream.outgoing,
    wire: options.wire,
    pieces: pieces.bits?.count ?? 0,
    isSeed: pieces.isSeed,
    weChoke: upload?.choked ?? true,
    peerChokes: exchange.peerChokes,
    weAreInterested: download?.interested ?? false,
    peerInterested: exchange.peerInterested,
    snubbed: download?.snubbed ?? false,
    requestsOutstanding: download?.outstanding ?? 0,
    receivedBytes: exchange.receivedBytes,
    sentBytes: exchange.sentBytes,
    verifiedBytes: exchange.verifiedBytes,
    wastedBytes: exchange.wastedBytes,
    downloadBytesPerS: download?.rate.bytesPerS ?? 0,
    uploadBytesPerS: upload?.rate.bytesPerS ?? 0,
    ...(tally.state && { tally: tally.state }),
  }
}

const printable = (value: number): string => (value > 0x20 && value < 0x7f ? String.fromCharCode(value) : '.')

export function chokePeerOf(session: PeerSession): ChokePeer {
  const { options, exchange, tally, extensions } = session
  const { upload, download } = exchange
  return {
    id: options.id,
    interested: exchange.peerInterested,
    choked: upload?.choked ?? true,
    changedMs: exchange.chokeChangedMs,
    downloadBytesPerS: download?.rate.bytesPerS ?? 0,
    uploadBytesPerS: upload?.rate.bytesPerS ?? 0,
    tallies: talliesOf(),
    // A window that is used up for a moment is a pause; `Exchange` chokes when it lasts.
    maySend: upload?.choked === false || tally.maySend(BLOCK_BYTES),
  }

  function talliesOf(): ChokePeer['tallies'] {
    if (!tally.offered) return 'off'
    if (tally.open) return 'open'
    return extensions.known || !options.remote.extensions ? 'none' : undefined
  }
}
