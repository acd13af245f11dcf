/**
 * transmission-daemon, driven by its RPC. It ignores loopback peers that it is told of, so the other side dials.
 *
 * @module
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../support/ports.ts'
import { outputOf, startProcess, until } from '../support/processes.ts'
import { type Client, type PeerOptions, READY_MS } from './peer.ts'

const STATUS_CHECKING_MAX = 2 // 1 waits for a check, 2 checks
const STATUS_SEEDING = 6

const settings = (options: PeerOptions, rpcPort: number) => ({
  'bind-address-ipv4': '127.0.0.1',
  'bind-address-ipv6': '::1',
  'cache-size-mb': 4,
  'dht-enabled': false,
  'download-dir': options.dir,
  'download-queue-enabled': false,
  encryption: 0, // plain connections preferred
  'lpd-enabled': false,
  'message-level': 2,
  'peer-port': options.port,
  'pex-enabled': false,
  'port-forwarding-enabled': false,
  preallocation: 0,
  'rpc-authentication-required': false,
  'rpc-bind-address': '127.0.0.1',
  'rpc-port': rpcPort,
  'seed-queue-enabled': false,
  'utp-enabled': false,
})

/** A caller of its RPC, which wants the session id that its first answer (409) names. */
function rpcAt(port: number) {
  let session = ''
  return async function call(method: string, args: object): Promise<Record<string, unknown>> {
    const response = await fetch(`http://127.0.0.1:${port}/transmission/rpc`, {
      method: 'POST',
      headers: { 'X-Transmission-Session-Id': session },
      body: JSON.stringify({ method, arguments: args }),
      signal: AbortSignal.timeout(10_000),
    })
    if (response.status === 409) {
      await response.body?.cancel()
      session = response.headers.get('X-Transmission-Session-Id') ?? ''
      return call(method, args)
    }
    const answer = (await response.json()) as { result: string; arguments: Record<string, unknown> }
    if (answer.result !== 'success') throw new Error(`transmission: ${method}: ${answer.result}`)
    return answer.arguments
  }
}

type Status = {
  readonly status: number
  readonly leftUntilDone: number
  readonly metadataPercentComplete: number
  readonly error: number
  readonly errorString: string
}

export const transmission: Client = {
  name: 'transmission',
  debianPackage: 'transmission-daemon',
  formats: ['v1'],
  limits: '3.00 calls every hybrid torrent corrupt (its bencode reader refuses the empty key of "file tree")',
  dials: false,
  skipsEmptyFiles: true,
  version: () => outputOf('transmission-daemon', ['--version']),
  async start(options) {
    const configDir = join(options.workDir, 'transmission')
    const rpcPort = await freePort()
    await mkdir(configDir, { recursive: true })
    await writeFile(join(configDir, 'settings.json'), JSON.stringify(settings(options, rpcPort)))
    const running = await startProcess('transmission-daemon', ['--foreground', '--config-dir', configDir])
    try {
      const rpc = rpcAt(rpcPort)
      await until('transmission RPC', READY_MS, () => rpc('session-get', {}))
      const source =
        options.magnet === undefined
          ? { metainfo: (await readFile(options.torrent)).toString('base64') }
          : { filename: options.magnet }
      await rpc('torrent-add', { ...source, 'download-dir': options.dir })
      const status = async () => {
        const fields = ['status', 'leftUntilDone', 'metadataPercentComplete', 'error', 'errorString']
        const { torrents } = await rpc('torrent-get', { fields })
        return (torrents as Status[])[0]!
      }
      const complete = async () => {
        const now = await status()
        const whole = now.metadataPercentComplete === 1 && now.leftUntilDone === 0
        return (whole && now.status === STATUS_SEEDING) || undefined
      }
      if (options.mode === 'seed') await until('transmission has checked its data', READY_MS, complete)
      else {
        const idle = async () => (await status()).status > STATUS_CHECKING_MAX || undefined
        await until('transmission waits for peers', READY_MS, idle)
      }
      return {
        done: async (timeoutMs) => void (await until('transmission has everything', timeoutMs, complete)),
        log: running.tail,
        [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
      }
    } catch (error) {
      await running[Symbol.asyncDispose]()
      throw new Error(`transmission did not start:\n${running.tail()}`, { cause: error })
    }
  },
}
