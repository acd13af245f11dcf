/**
 * A node: one listener for peers, one HTTP server, one disk, one tally journal, and the shares and downloads on them.
 * The only place where the protocols meet.
 *
 * @module
 */
import { codeOf } from '../base/errors.ts'
import { systemClock, systemRandom } from '../base/io/system.ts'
import type { Address } from '../base/world.ts'
import type { BittorrentHost } from '../bittorrent/contract.ts'
import { createBittorrentHost } from '../bittorrent/io/host.ts'
import { type Announcer, createAnnouncer } from '../discovery/io/announcer.ts'
import type { ShareServer } from '../http/contract.ts'
import { createShareServer } from '../http/io/server.ts'
import { createStoreHost, type StoreHost } from '../transfer/io/store-host.ts'
import type { Config } from './config.ts'
import type { Home } from './home.ts'
import { Keys } from './keys.ts'
import type { Money } from './money.ts'
import { openTallies, strangerPolicy, type Tallies } from './tallies.ts'
import { USER_AGENT } from './version.ts'

/** Port 0: any free one. `orAnyPort`: that too when the port is taken. */
export type Listen = Address & { readonly orAnyPort?: boolean }

export type NodeOptions = {
  readonly home: Home
  readonly config: Config
  readonly password?: string
  /** Where to listen; absent: not at all. */
  readonly bittorrent?: Listen
  readonly http?: Listen
  /** Opens wallet and chain; needs money.rpc_url. */
  readonly withMoney: boolean
  readonly log: (line: string) => void
}

/** What shares and downloads of a node work with. */
export type Node = AsyncDisposable & {
  readonly options: NodeOptions
  readonly store: StoreHost
  readonly bittorrent: BittorrentHost
  readonly announcer: Announcer
  readonly http?: ShareServer
  readonly tallies?: Tallies
  readonly money?: Money
}

const CONNECTIONS_MAX = 2_000

/** The chain's libraries cost 0.3 s and 40 MiB: loaded by those who deal only. */
async function openMoney(settings: Config['money'], parts: { home: Home; keys: Keys }): Promise<Money> {
  const loaded = await import('./money.ts')
  return loaded.openMoney(settings, parts.home, parts.keys)
}

/** Binds for good at the first try, so that two nodes that start together cannot both see a port free. */
async function listening<Where extends Listen | undefined, Host>(
  where: Where,
  open: (address: Where) => Promise<Host>,
): Promise<Host> {
  try {
    return await open(where)
  } catch (error) {
    const taken = [error, (error as { cause?: unknown }).cause].some((one) => codeOf(one) === 'EADDRINUSE')
    if (!where?.orAnyPort || !taken) throw error
    return open({ ...where, port: 0 })
  }
}

export async function createNode(options: NodeOptions): Promise<Node> {
  const { home, config, log } = options
  await using opened = new AsyncDisposableStack()
  const keys = new Keys(home, options.password)
  const store = opened.use(createStoreHost())
  const money = options.withMoney ? opened.use(await openMoney(config.money, { home, keys })) : undefined
  const tallies = config.tally.enabled
    ? opened.use(await openTallies(config.tally, { home, keys, log, ...(money ? { money } : {}) }))
    : undefined
  const strangers = strangerPolicy(config.tally.peers_without)
  const swarm = {
    peersMax: config.bittorrent.peers_max,
    uploadSlots: config.bittorrent.upload_slots,
    noTallyPolicy: strangers,
  }
  const bittorrent = opened.use(
    await listening(options.bittorrent, (listen) =>
      createBittorrentHost({ listen, connectionsMax: CONNECTIONS_MAX, swarm }),
    ),
  )
  const { peerId } = bittorrent
  const http = options.http
    ? opened.use(
        await listening(options.http, (listen) =>
          createShareServer({ listen, plainClients: strangers }, { clock: systemClock, peerId }),
        ),
      )
    : undefined
  const reach = config.network.allow_private ? 'local' : 'public'
  const announcer = opened.use(
    createAnnouncer({ userAgent: USER_AGENT, reach }, { clock: systemClock, random: systemRandom }),
  )
  const stack = opened.move()
  return {
    options,
    store,
    bittorrent,
    announcer,
    ...(http ? { http } : {}),
    ...(tallies ? { tallies } : {}),
    ...(money ? { money } : {}),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
