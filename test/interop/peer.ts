/**
 * The one shape behind which every BitTorrent client of the matrix stands, ours included.
 *
 * @module
 */
export type Format = 'v1' | 'hybrid' | 'v2'

export type PeerOptions = {
  readonly mode: 'seed' | 'leech'
  /** The .torrent file. A leecher given `magnet` must not read it. */
  readonly torrent: string
  readonly magnet?: string
  /** The folder that holds, or will hold, the share under its own name. */
  readonly dir: string
  /** A folder of its own for configuration and state. */
  readonly workDir: string
  /** Listens here, on 127.0.0.1. */
  readonly port: number
  /** Port on 127.0.0.1 to dial, when this side is the one to dial. */
  readonly dialPort?: number
}

export type Peer = AsyncDisposable & {
  /** Resolves when it holds everything, verified by itself and on disk. */
  done(timeoutMs: number): Promise<void>
  /** What it last said, for a message about a failure. */
  log(): string
}

export type Client = {
  readonly name: string
  /** Says how to get the program, when it is absent. */
  readonly debianPackage: string
  readonly formats: readonly Format[]
  /** Why it has no other formats, in words, for the table. */
  readonly limits?: string
  /** Whether it connects to a loopback peer that it is told of; else the other side dials. */
  readonly dials: boolean
  /** Whether it leaves out files of no bytes when it downloads. */
  readonly skipsEmptyFiles: boolean
  /** The installed version, or undefined when the program is absent. */
  version(): Promise<string | undefined>
  /** Starts it; resolves when it accepts connections (a seeder: when it has checked its data). */
  start(options: PeerOptions): Promise<Peer>
}

/** How long any client may take to be ready. transmission and aria2 have fixed waits of seconds in them. */
export const READY_MS = 120_000
