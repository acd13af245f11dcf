/**
 * Our own command line as tests run it: the real entry point in a process of its own.
 *
 * @module
 */
import { fileURLToPath } from 'node:url'
import { type Running, startProcess } from './processes.ts'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** The entry point under test; TALLYSWARM_MAIN names another one, a compiled one say. */
const MAIN = process.env['TALLYSWARM_MAIN'] ?? `${ROOT}src/cli/main.ts`

/** Starts `tallyswarm ARGS` with everything it stores below `home`. */
export function startProduct(home: string, args: readonly string[]): Promise<Running> {
  return startProcess(process.execPath, [MAIN, ...args, '--home', home], { cwd: ROOT })
}
