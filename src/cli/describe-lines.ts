/**
 * A share described in lines for people.
 *
 * @module
 */
import type { ShareDescription } from '../node/describe.ts'
import { formatBytes } from './format.ts'

const FILES_SHOWN_MAX = 20

export function describeLines(share: ShareDescription): string[] {
  const lines = [
    `${share.name}  ${formatBytes(share.bytes)}, ${share.files.length} files, ${share.pieces} pieces of ${formatBytes(share.pieceLength)}, ${share.version}${share.private ? ', private' : ''}`,
    `magnet   ${share.magnet}`,
  ]
  if (share.infoHashV1) lines.push(`v1       ${share.infoHashV1}`)
  if (share.infoHashV2) lines.push(`v2       ${share.infoHashV2}`)
  for (const tier of share.trackers) lines.push(`tracker  ${tier.join(' | ')}`)
  for (const url of share.webSeeds) lines.push(`web seed ${url}`)
  for (const file of share.files.slice(0, FILES_SHOWN_MAX)) {
    lines.push(`file     ${file.path}  ${formatBytes(file.length)}`)
    if (file.cid) lines.push(`  cid    ${file.cid}`)
    if (file.ed2k) lines.push(`  ed2k   ${file.ed2k}`)
  }
  if (share.files.length > FILES_SHOWN_MAX) {
    lines.push(`… and ${share.files.length - FILES_SHOWN_MAX} more files`)
  }
  return lines
}
