/**
 * qbittorrent-nox, driven by its web API, with a profile of its own.
 *
 * @module
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../support/ports.ts'
import { outputOf, startProcess, until } from '../support/processes.ts'
import { type Client, type PeerOptions, READY_MS } from './peer.ts'

const ENCRYPTION_OFF = 2

const profile = (options: PeerOptions) => `[BitTorrent]
Session\\AddTorrentStopped=false
Session\\BTProtocol=TCP
Session\\DHTEnabled=false
Session\\DefaultSavePath=${options.dir}
Session\\DisableAutoTMMByDefault=true
Session\\Encryption=${ENCRYPTION_OFF}
Session\\Interface=lo
Session\\InterfaceAddress=127.0.0.1
Session\\InterfaceName=lo
Session\\LSDEnabled=false
Session\\MultiConnectionsPerIp=true
Session\\PeXEnabled=false
Session\\Port=${options.port}
Session\\QueueingSystemEnabled=false
Session\\UseRandomPort=false

[LegalNotice]
Accepted=true

[Network]
PortForwardingEnabled=false

[Preferences]
WebUI\\Address=127.0.0.1
WebUI\\LocalHostAuth=false
WebUI\\UseUPnP=false
`

type Status = {
  readonly hash: string
  readonly state: string
  readonly progress: number
  readonly amount_left: number
  readonly total_size: number
}
const SEEDING_STATES = ['uploading', 'stalledUP', 'forcedUP']
const CHECKING_STATES = ['checkingResumeData', 'checkingUP', 'checkingDL', 'allocating', 'unknown']

/** A caller of its web API v2 at `port`. */
function apiAt(port: number) {
  return async (path: string, form?: FormData | URLSearchParams): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v2/${path}`, {
      ...(form === undefined ? {} : { method: 'POST', body: form }),
      signal: AbortSignal.timeout(10_000),
    })
    const text = await response.text()
    if (!response.ok || text === 'Fails.') throw new Error(`qbittorrent: ${path}: ${response.status} ${text}`)
    return text
  }
}

async function addForm(options: PeerOptions): Promise<FormData> {
  const form = new FormData()
  if (options.magnet !== undefined) form.set('urls', options.magnet)
  else form.set('torrents', new Blob([await readFile(options.torrent)]), 'share.torrent')
  form.set('savepath', options.dir)
  form.set('contentLayout', 'Original')
  return form
}

export const qbittorrent: Client = {
  name: 'qbittorrent',
  debianPackage: 'qbittorrent-nox',
  formats: ['v1', 'hybrid'],
  dials: true,
  skipsEmptyFiles: false,
  version: () => outputOf('qbittorrent-nox', ['--version']),
  async start(options) {
    const configDir = join(options.workDir, 'qBittorrent', 'config')
    await mkdir(configDir, { recursive: true })
    await writeFile(join(configDir, 'qBittorrent.conf'), profile(options))
    const webPort = await freePort()
    const args = [`--profile=${options.workDir}`, `--webui-port=${webPort}`]
    const running = await startProcess('qbittorrent-nox', args, { env: { HOME: options.workDir } })
    const redial = { timer: undefined as NodeJS.Timeout | undefined }
    const dispose = async () => {
      clearInterval(redial.timer)
      await running[Symbol.asyncDispose]()
    }
    try {
      const api = apiAt(webPort)
      await until('qbittorrent web API', READY_MS, () => api('app/version'))
      await api('torrents/add', await addForm(options))
      const status = async () => (JSON.parse(await api('torrents/info')) as Status[])[0]
      const complete = async () => {
        const now = await status()
        const whole = now !== undefined && now.amount_left === 0 && now.total_size > 0
        return (whole && now.progress === 1 && SEEDING_STATES.includes(now.state)) || undefined
      }
      const idle = async () => {
        const now = await status()
        return now !== undefined && !CHECKING_STATES.includes(now.state) ? now : undefined
      }
      const { hash } = await until('qbittorrent waits for peers', READY_MS, idle)
      if (options.mode === 'seed') await until('qbittorrent has checked its data', READY_MS, complete)
      if (options.dialPort !== undefined) {
        const peers = new URLSearchParams({ hashes: hash, peers: `127.0.0.1:${options.dialPort}` })
        const dial = () => api('torrents/addPeers', peers).catch(() => undefined) // again in a second
        redial.timer = setInterval(dial, 1_000)
        await dial()
      }
      return {
        done: async (timeoutMs) => void (await until('qbittorrent has everything', timeoutMs, complete)),
        log: running.tail,
        [Symbol.asyncDispose]: dispose,
      }
    } catch (error) {
      await dispose()
      throw new Error(`qbittorrent did not start:\n${running.tail()}`, { cause: error })
    }
  },
}
