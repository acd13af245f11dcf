/**
 * The command line: parses, runs one command, maps outcomes to exit codes 0 (ok), 1 (failed), 2 (bad usage).
 * Each command's file is loaded only when it is asked for, so that none pays for another's libraries.
 *
 * @module
 */
import { Command, CommanderError, Option } from 'commander'
import { type Context, createContext, type GlobalOptions, UsageError } from './context.ts'
import { describeFailure, toJson } from './output.ts'

const SECOND_SIGNAL_EXIT = 130

function stopSignal(): AbortSignal {
  const controller = new AbortController()
  const stop = () => {
    if (controller.signal.aborted) process.exit(SECOND_SIGNAL_EXIT)
    controller.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return controller.signal
}

const list = (value: string, before: string[] = []): string[] => [
  ...before,
  ...value.split(',').filter(Boolean),
]
const repeated = (value: string, before: string[] = []): string[] => [...before, value]

type Action = (context: Context, ...args: never[]) => Promise<void>

/** Binds a lazily loaded command to commander's (arguments…, options, command) call. */
function run(program: Command, signal: AbortSignal, load: () => Promise<Action>) {
  return async (...received: unknown[]): Promise<void> => {
    const command = received.pop() as Command
    const context = createContext(command.optsWithGlobals<GlobalOptions>(), signal)
    const action = (await load()) as (context: Context, ...args: unknown[]) => Promise<void>
    await action(context, ...received, program)
  }
}

function addTransferCommands(program: Command, signal: AbortSignal): void {
  program
    .command('share [paths...]')
    .description('share files or folders: prints magnet, torrent, cid and ed2k link, and seeds until stopped')
    .option('--torrent <file>', 'seed this torrent instead of making one')
    .option('--data <dir>', 'folder that holds the data of --torrent')
    .option('--torrent-out <file>', 'write the .torrent here')
    .option('--no-seed', 'only make the torrent')
    .addOption(
      new Option('--format <format>', 'torrent format').choices(['v1', 'v2', 'hybrid']).default('hybrid'),
    )
    .option('--piece-length <bytes>', 'a power of two, at least 16384')
    .option('--private', 'private torrent (BEP 27)')
    .option('--tracker <url>', 'announce URL; may be repeated', repeated)
    .option('--web-seed <url>', 'web seed URL (BEP 19); may be repeated', repeated)
    .option('--protocols <list>', 'bt,http', list)
    .option('--price <wei>', 'wei per MiB')
    .option('--trust-data', 'do not hash the data first: whoever downloads will find out')
    .option('--port <port>', 'TCP port for peers')
    .option('--http-port <port>', 'TCP port for HTTP')
    .option('--host <address>', 'address to listen on')
    .option('--peer <addresses>', 'HOST:PORT of peers to dial', list)
    .option('--no-discovery', 'no trackers: only the peers named')
    .addOption(new Option('--with-parent', 'stop when stdin closes').hideHelp())
    .action(run(program, signal, async () => (await import('./share.ts')).share))
  program
    .command('get <link>')
    .description('download a magnet, .torrent, cid or http(s) URL of a node')
    .option('--out <dir>', 'where the files go')
    .option('--peer <addresses>', 'HOST:PORT of peers to dial', list)
    .option('--source <urls>', 'base URL of an HTTP node that has it', list)
    .option('--only <protocols>', 'bt,http', list)
    .option('--max-price <wei>', 'wei per MiB, at most')
    .option('--seed', 'keep sharing when complete, until stopped')
    .option('--stay', 'as --seed; prints BENCH_DONE when complete')
    .option('--port <port>', 'TCP port for peers')
    .option('--http-port <port>', 'TCP port for HTTP')
    .option('--host <address>', 'address to listen on')
    .option('--no-discovery', 'no trackers: only the peers and sources named')
    .action(run(program, signal, async () => (await import('./get.ts')).get))
  program
    .command('up')
    .description('a node that stays up and seeds everything shared from its home')
    .option('--no-chain', 'do not start a development chain when none is configured')
    .action(run(program, signal, async () => (await import('./up.ts')).up))
  program
    .command('demo')
    .description('a whole paid swarm on loopback, from start to settlement')
    .option('--size <mib>', 'MiB to share', '256')
    .action(run(program, signal, async () => (await import('./demo.ts')).demo))
}

function addLookCommands(program: Command, signal: AbortSignal): void {
  program
    .command('inspect <file>')
    .description('what a torrent, magnet, link or tally bundle holds; verifies it')
    .action(run(program, signal, async () => (await import('./inspect.ts')).inspect))
  const tally = program.command('tally').description('signed tallies')
  tally
    .command('list')
    .description('tallies given and taken by this node')
    .action(run(program, signal, async () => (await import('./tally.ts')).tallyList))
  tally
    .command('verify <bundle>')
    .description('verifies an exported bundle, offline')
    .action(run(program, signal, async () => (await import('./tally.ts')).tallyVerify))
  tally
    .command('export [file]')
    .description('writes a bundle of all tallies (to stdout without a file)')
    .action(run(program, signal, async () => (await import('./tally.ts')).tallyExport))
  const config = program.command('config').description('settings')
  config
    .command('show')
    .description('the whole commented file with the values in force')
    .action(run(program, signal, async () => (await import('./config.ts')).configShow))
  config
    .command('check')
    .description('whether the file is right')
    .action(run(program, signal, async () => (await import('./config.ts')).configCheck))
  program
    .command('doctor')
    .description('checks this machine, the folder, the ports and the chain')
    .action(run(program, signal, async () => (await import('./doctor.ts')).doctor))
}

function addWalletCommands(program: Command, signal: AbortSignal): void {
  const wallet = program.command('wallet').description('keys and money')
  wallet
    .command('show', { isDefault: true })
    .description('address and balance')
    .action(run(program, signal, async () => (await import('./wallet.ts')).walletShow))
  wallet
    .command('new')
    .description('makes a new key (refuses when there is one)')
    .action(run(program, signal, async () => (await import('./wallet.ts')).walletNew))
  wallet
    .command('import <file>')
    .description('takes a hex private key from a file ("-": stdin)')
    .action(run(program, signal, async () => (await import('./wallet.ts')).walletImport))
  wallet
    .command('send <address> <wei>')
    .description('a plain transfer')
    .action(run(program, signal, async () => (await import('./wallet.ts')).walletSend))
  wallet
    .command('close')
    .description('takes back what is left of the payment channel (two steps, see docs/MONEY.md)')
    .action(run(program, signal, async () => (await import('./wallet.ts')).walletClose))
  wallet
    .command('settle')
    .description('claims everything owed to us now')
    .action(run(program, signal, async () => (await import('./wallet.ts')).walletSettle))
}

function buildProgram(signal: AbortSignal): Command {
  const program = new Command('tallyswarm')
    .description('Share files over BitTorrent and HTTP; every delivered piece leaves a signed tally.')
    .option('--home <dir>', 'folder for everything this node stores')
    .option('--json', 'one JSON document on stdout, logs on stderr')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
  addTransferCommands(program, signal)
  addLookCommands(program, signal)
  addWalletCommands(program, signal)
  const inherit = (command: Command): void => {
    for (const child of command.commands) {
      child.exitOverride().option('--home <dir>', 'folder for everything').option('--json', 'JSON on stdout')
      inherit(child)
    }
  }
  inherit(program)
  return program
}

const complaintOf = ({ code, message }: CommanderError): string =>
  code === 'commander.help' ? 'a command is missing' : message.replace(/^error: /, '')

/** Runs one command line and sets the exit code. The process then ends by itself. */
export async function runProgram(args: readonly string[]): Promise<void> {
  try {
    await buildProgram(stopSignal()).parseAsync(args, { from: 'user' })
  } catch (error) {
    const spoken = error instanceof CommanderError // it has written its help or complaint itself
    if (spoken && error.exitCode === 0) return
    const failure = spoken
      ? { code: 'USAGE', message: complaintOf(error), causes: [] }
      : describeFailure(error)
    if (args.includes('--json')) process.stdout.write(`${toJson({ ok: false, error: failure })}\n`)
    if (!spoken) {
      process.stderr.write(`${failure.code}: ${[failure.message, ...failure.causes].join('\n  because: ')}\n`)
    }
    process.exitCode = spoken || error instanceof UsageError ? 2 : 1
  } finally {
    process.removeAllListeners('SIGINT')
    process.removeAllListeners('SIGTERM')
  }
}
