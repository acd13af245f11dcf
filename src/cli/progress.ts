/**
 * Progress for people: bars with speed, ETA and per-source split on a terminal, a plain line now and then elsewhere.
 *
 * @module
 */
import { formatBytes, formatSpan, formatSpeed } from './format.ts'

/** One moment of a download. */
export type ProgressSnapshot = {
  readonly name: string
  readonly doneBytes: number
  readonly totalBytes: number
  readonly bytesPerS: number
  readonly state: string
  readonly sources: readonly {
    readonly protocol: string
    readonly label: string
    readonly verifiedBytes: number
    readonly bytesPerS: number
    readonly attached: boolean
  }[]
}

const BAR_CELLS = 30
const SOURCE_ROWS_MAX = 8
const PLAIN_EVERY_MS = 2_000
/** A terminal that was never told its size (`script`, some CI) says 0. */
const COLUMNS_UNKNOWN = 100

export function bar(fraction: number, cells: number = BAR_CELLS): string {
  const full = Math.max(0, Math.min(cells, Math.floor(fraction * cells)))
  return `[${'#'.repeat(full)}${'.'.repeat(cells - full)}]`
}

/** The lines of one moment; pure. */
export function progressLines(now: ProgressSnapshot, columns: number): string[] {
  const fraction = now.totalBytes === 0 ? 1 : now.doneBytes / now.totalBytes
  const etaMs =
    now.bytesPerS > 0 ? ((now.totalBytes - now.doneBytes) / now.bytesPerS) * 1000 : Number.POSITIVE_INFINITY
  const head = `${bar(fraction)} ${(fraction * 100).toFixed(1)}%  ${formatBytes(now.doneBytes)} of ${formatBytes(now.totalBytes)}  ${formatSpeed(now.bytesPerS)}  ETA ${formatSpan(etaMs)}  ${now.state}`
  const rows = [...now.sources]
    .sort((a, b) => b.verifiedBytes - a.verifiedBytes)
    .slice(0, SOURCE_ROWS_MAX)
    .map((source) => {
      const share = now.doneBytes === 0 ? 0 : source.verifiedBytes / now.doneBytes
      return `  ${bar(share, 10)} ${source.protocol.padEnd(10)} ${source.label.padEnd(24)} ${formatBytes(source.verifiedBytes).padStart(10)}  ${formatSpeed(source.bytesPerS)}${source.attached ? '' : '  gone'}`
    })
  if (now.sources.length > SOURCE_ROWS_MAX) rows.push(`  … and ${now.sources.length - SOURCE_ROWS_MAX} more`)
  return [head, ...rows].map((line) => (line.length > columns ? line.slice(0, columns) : line))
}

export type ProgressStream = {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Draws on a stream; `update` may be called as often as one likes. */
export function createProgress(stream: ProgressStream, nowMs: () => number) {
  let drawn = 0
  let lastPlainMs = Number.NEGATIVE_INFINITY
  const clear = () => {
    if (drawn > 0) stream.write(`\u001b[${drawn}A\u001b[0J`)
    drawn = 0
  }
  return {
    update(snapshot: ProgressSnapshot): void {
      if (stream.isTTY) {
        clear()
        const lines = progressLines(snapshot, stream.columns || COLUMNS_UNKNOWN)
        stream.write(`${lines.join('\n')}\n`)
        drawn = lines.length
      } else if (nowMs() - lastPlainMs >= PLAIN_EVERY_MS) {
        lastPlainMs = nowMs()
        const percent = snapshot.totalBytes === 0 ? 100 : (snapshot.doneBytes / snapshot.totalBytes) * 100
        const attached = snapshot.sources.filter((source) => source.attached).length
        const from = snapshot.state === 'hashing' ? '' : ` from ${attached} sources`
        stream.write(`${snapshot.name}: ${percent.toFixed(1)}% ${formatSpeed(snapshot.bytesPerS)}${from}\n`)
      }
    },
    clear,
  }
}
