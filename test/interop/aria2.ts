/**
 * aria2c, driven by its JSON-RPC. It takes peers from trackers only, so the other side dials.
 *
 * @module
 */
import { accepts, freePort } from '../support/ports.ts'
import { outputOf, startProcess, until } from '../support/processes.ts'
import { type Client, type PeerOptions, READY_MS } from './peer.ts'

const flags = (options: PeerOptions, rpcPort: number) => [
  '--no-conf',
  '--enable-rpc',
  `--rpc-listen-port=${rpcPort}`,
  `--stop-with-process=${process.pid}`,
  '--interface=127.0.0.1',
  '--disable-ipv6=true',
  `--listen-port=${options.port}`,
  '--enable-dht=false',
  '--enable-dht6=false',
  '--bt-enable-lpd=false',
  '--enable-peer-exchange=false',
  '--file-allocation=none',
  '--allow-overwrite=true',
  '--seed-ratio=0', // seeds until it is stopped
  '--bt-max-open-files=64',
  '--console-log-level=notice',
  '--show-console-readout=false',
  '--summary-interval=0',
  `--dir=${options.dir}`,
]

type Status = {
  readonly totalLength: string
  readonly completedLength: string
  readonly seeder?: string
  readonly bittorrent?: { readonly info?: unknown }
}

async function active(rpcPort: number): Promise<Status[]> {
  const response = await fetch(`http://127.0.0.1:${rpcPort}/jsonrpc`, {
    method: 'POST',
    body: JSON.stringify({ jsonrpc: '2.0', id: '1', method: 'aria2.tellActive', params: [] }),
    signal: AbortSignal.timeout(10_000),
  })
  return ((await response.json()) as { result: Status[] }).result
}

/** True once the share itself (not a magnet's metadata) is whole and checked. */
const isWhole = ({ totalLength, completedLength, seeder, bittorrent }: Status) =>
  bittorrent?.info !== undefined && seeder === 'true' && totalLength === completedLength

export const aria2: Client = {
  name: 'aria2',
  debianPackage: 'aria2',
  formats: ['v1'],
  limits: '1.36 takes a wrong info hash of every hybrid torrent (it encodes "info" anew, without empty keys)',
  dials: false,
  skipsEmptyFiles: false,
  version: async () => (await outputOf('aria2c', ['--version']))?.match(/aria2 version (\S+)/)?.[1],
  async start(options) {
    const rpcPort = await freePort()
    const checked = options.mode === 'seed' ? ['--check-integrity=true'] : []
    const source = options.magnet ?? options.torrent
    const running = await startProcess('aria2c', [...flags(options, rpcPort), ...checked, source])
    const complete = async () => (await active(rpcPort)).some(isWhole) || undefined
    try {
      await until('aria2 listens', READY_MS, async () => (await accepts(options.port)) || undefined)
      if (options.mode === 'seed') await until('aria2 has checked its data', READY_MS, complete)
      return {
        done: async (timeoutMs) => void (await until('aria2 has everything', timeoutMs, complete)),
        log: running.tail,
        [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
      }
    } catch (error) {
      await running[Symbol.asyncDispose]()
      throw new Error(`aria2 did not start:\n${running.tail()}`, { cause: error })
    }
  },
}
