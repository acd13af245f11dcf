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

/** Runs a command to its end and returns the JSON document it prints. @throws when it fails */
export async function productJson(
  home: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<unknown> {
  await using running = await startProduct(home, [...args, '--json'])
  const code = await running.exit(timeoutMs)
  if (code !== 0) throw new Error(`tallyswarm ${args[0]} ended with ${code}:\n${running.tail()}`)
  const text = running.tail()
  return JSON.parse(text.slice(text.indexOf('{')))
}
