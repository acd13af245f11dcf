/**
 * Tallyswarm as a peer of the matrix: `share` seeds, `get` leeches, both through the command line.
 *
 * @module
 */
import { join } from 'node:path'
import { startProduct } from '../support/product.ts'
import { type Client, type Format, type PeerOptions, READY_MS } from './peer.ts'

const argumentsOf = (options: PeerOptions) => {
  const common = ['--host', '127.0.0.1', '--port', String(options.port), '--no-discovery']
  const dial = options.dialPort === undefined ? [] : ['--peer', `127.0.0.1:${options.dialPort}`]
  return options.mode === 'seed'
    ? ['share', '--torrent', options.torrent, '--data', options.dir, '--protocols', 'bt', ...common, ...dial]
    : [
        'get',
        options.magnet ?? options.torrent,
        '--out',
        options.dir,
        '--only',
        'bt',
        ...common,
        ...dial,
        '--stay',
      ]
}

export const ours: Client = {
  name: 'tallyswarm',
  debianPackage: '(this repository)',
  formats: ['v1', 'hybrid', 'v2'],
  dials: true,
  skipsEmptyFiles: false,
  version: async () => 'here',
  async start(options) {
    const running = await startProduct(join(options.workDir, 'home'), argumentsOf(options))
    if (options.mode === 'seed') {
      await running.line(/^BENCH_READY/, READY_MS).catch(async (error) => {
        await running[Symbol.asyncDispose]()
        throw error
      })
    }
    return {
      done: async (timeoutMs) => void (await running.line(/^BENCH_DONE/, timeoutMs)),
      log: running.tail,
      [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
    }
  },
}

/** Makes a torrent as `share` does. */
export async function makeWithOurs(
  format: Format,
  path: string,
  { out, pieceLength }: { readonly out: string; readonly pieceLength: number },
): Promise<void> {
  const args = ['share', path, '--torrent-out', out, '--no-seed', '--format', format]
  await using running = await startProduct(`${out}.home`, [...args, '--piece-length', String(pieceLength)])
  const code = await running.exit(60_000)
  if (code !== 0) throw new Error(`share --torrent-out ended with ${code}:\n${running.tail()}`)
}
