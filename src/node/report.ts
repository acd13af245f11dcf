/**
 * What became of a download: who delivered what, and who failed. Plain data for people and `--json`.
 *
 * @module
 */
import type { Download, DownloadEvent } from '../transfer/io/download.ts'
import type { SourceStats } from '../transfer/source.ts'

export type Fault = {
  readonly kind: 'lied' | 'closed' | 'bad-piece'
  readonly label: string
  readonly detail: string
}

export type DownloadReport = {
  readonly name: string
  readonly path: string
  readonly bytes: number
  readonly wastedBytes: number
  readonly byProtocol: Readonly<Record<string, number>>
  readonly sources: readonly SourceStats[]
  readonly faults: readonly Fault[]
}

/** What an event says about a source's fault, if anything. */
export function faultOf(event: DownloadEvent): Fault | undefined {
  switch (event.type) {
    case 'source-lied':
      return { kind: 'lied', label: event.label, detail: `piece ${event.piece} was wrong` }
    case 'piece-bad':
      return {
        kind: 'bad-piece',
        label: event.senders.join(', '),
        detail: `piece ${event.piece} failed its hash`,
      }
    case 'source-closed':
      return event.reason.code === 'too-slow'
        ? { kind: 'closed', label: event.label, detail: 'too slow' }
        : undefined
    default:
      return undefined
  }
}

export function reportOf(download: Download, faults: readonly Fault[]): DownloadReport {
  const status = download.status()
  const byProtocol: Record<string, number> = {}
  for (const { protocol, verifiedBytes } of status.sources) {
    byProtocol[protocol] = (byProtocol[protocol] ?? 0) + verifiedBytes
  }
  return {
    name: download.share.name,
    path: status.path,
    bytes: status.verifiedBytes,
    wastedBytes: status.wastedBytes,
    byProtocol,
    sources: status.sources,
    faults,
  }
}
