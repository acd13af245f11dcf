/**
 * How commands speak: one JSON document on stdout with `--json`, lines for people without; logs go to stderr.
 *
 * @module
 */
import { codeOf, messageOf } from '../base/errors.ts'

/** bigint as decimal strings, bytes as hex: what JSON cannot hold by itself. */
function plain(this: Record<string, unknown>, key: string, given: unknown): unknown {
  const raw = this[key] // a Buffer comes as its own JSON form otherwise
  const value = raw instanceof Uint8Array ? raw : given
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (value instanceof Map) return Object.fromEntries(value)
  return value
}

export const toJson = (value: unknown): string => JSON.stringify(value, plain, 2)

export type Output = {
  readonly json: boolean
  /** The command's result; with `--json` the only thing on stdout. `lines` is the same for people. */
  result(document: unknown, lines: readonly string[]): void
  /** A line that scripts wait for (`BENCH_READY`, `ready …`); on stdout unless `--json`. */
  say(line: string): void
  /** For people, on stderr. */
  log(line: string): void
}

export function createOutput(json: boolean): Output {
  return {
    json,
    result: (document, lines) => {
      if (json) process.stdout.write(`${toJson(document)}\n`)
      else if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`)
    },
    say: (line) => {
      ;(json ? process.stderr : process.stdout).write(`${line}\n`)
    },
    log: (line) => {
      process.stderr.write(`${line}\n`)
    },
  }
}

/** What a failed command prints: the code, what happened, and the cause chain's messages. */
export function describeFailure(error: unknown): { code: string; message: string; causes: string[] } {
  const causes: string[] = []
  for (
    let cause = (error as { cause?: unknown } | null)?.cause;
    cause !== undefined && causes.length < 8;
    cause = (cause as { cause?: unknown } | null)?.cause
  ) {
    causes.push(messageOf(cause))
  }
  const stopped = error instanceof Error && error.name === 'AbortError'
  return { code: stopped ? 'STOPPED' : codeOf(error), message: messageOf(error), causes }
}
