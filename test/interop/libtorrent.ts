/**
 * libtorrent (Debian's python3-libtorrent), the client that speaks everything: v1, hybrid, v2, magnets of all three.
 *
 * @module
 */
import { fileURLToPath } from 'node:url'
import { outputOf, startProcess } from '../support/processes.ts'
import { type Client, type Format, READY_MS } from './peer.ts'

const PYTHON = '/usr/bin/python3' // Debian's, for which the package installs; another python may come first on PATH
const SCRIPT = fileURLToPath(new URL('libtorrent_peer.py', import.meta.url))

export const libtorrent: Client = {
  name: 'libtorrent',
  debianPackage: 'python3-libtorrent',
  formats: ['v1', 'hybrid', 'v2'],
  dials: true,
  skipsEmptyFiles: false,
  version: () => outputOf(PYTHON, [SCRIPT, 'version']),
  async start(options) {
    const running = await startProcess(PYTHON, [SCRIPT, 'peer', JSON.stringify(options)])
    await running.line(/^READY$/, READY_MS).catch(async (error) => {
      await running[Symbol.asyncDispose]()
      throw error
    })
    return {
      done: async (timeoutMs) => void (await running.line(/^DONE$/, timeoutMs)),
      log: running.tail,
      [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
    }
  },
}

/** Makes a torrent as libtorrent does. */
export async function makeWithLibtorrent(
  format: Format,
  path: string,
  { out, pieceLength }: { readonly out: string; readonly pieceLength: number },
): Promise<void> {
  await using running = await startProcess(PYTHON, [SCRIPT, 'make', format, path, out, String(pieceLength)])
  const code = await running.exit(60_000)
  if (code !== 0) throw new Error(`libtorrent could not make a torrent:\n${running.tail()}`)
}
