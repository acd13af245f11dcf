/**
 * What every command gets: where things are stored, how to speak, and when to stop.
 *
 * @module
 */
import { CodedError, messageOf } from '../base/errors.ts'
import type { Config } from '../node/config.ts'
import { readConfig } from '../node/config.ts'
import { defaultHomePath, type Home, homeAt } from '../node/home.ts'
import { createOutput, type Output } from './output.ts'

export type Context = {
  readonly home: Home
  readonly output: Output
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal
  config(): Promise<Config>
}

export type GlobalOptions = { readonly home?: string; readonly json?: boolean }

/** Wrong use of the command line: exit code 2. */
export class UsageError extends CodedError<'USAGE'> {
  constructor(message: string) {
    super('USAGE', message)
  }
}

/** Reads what was typed for `name`; what `read` throws is wrong use of the command line. */
export function typed<Value>(name: string, text: string, read: (text: string) => Value): Value {
  try {
    return read(text)
  } catch (error) {
    throw new UsageError(`${name}: ${messageOf(error)}`)
  }
}

export function createContext(options: GlobalOptions, signal: AbortSignal): Context {
  const home = homeAt(options.home ?? process.env['TALLYSWARM_HOME'] ?? defaultHomePath())
  return {
    home,
    output: createOutput(options.json ?? false),
    signal,
    config: () => readConfig(home.path),
  }
}

/** Resolves when the user wants the program to stop. */
export const untilStopped = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))

/** The keystore's password, when the environment has one. */
export function password(): { readonly password?: string } {
  const given = process.env['TALLYSWARM_PASSWORD']
  return given ? { password: given } : {}
}
