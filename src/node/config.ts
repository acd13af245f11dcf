/**
 * Settings of a node: one schema with defaults, read from HOME/config.toml; unknown keys are refused.
 *
 * `CONFIG_HELP` gives each key its unit and reason; `config show` prints the commented file from it.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import * as v from 'valibot'
import { CodedError, messageOf } from '../base/errors.ts'

const port = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535))
const count = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max))
/** TOML integers stop at 2^63, so amounts are decimal strings. */
const wei = v.pipe(
  v.string(),
  v.regex(/^\d{1,39}$/, 'a whole number of wei, in quotes'),
  v.transform((text: string) => BigInt(text)),
)
const url = v.union([v.literal(''), v.pipe(v.string(), v.url())])
const contract = v.union([
  v.literal(''),
  v.pipe(v.string(), v.regex(/^0x[0-9a-fA-F]{40}$/, 'an address, 0x and 40 hex digits')),
])
const policy = v.pipe(v.string(), v.regex(/^(serve|refuse|slots \d{1,4})$/, '"serve", "refuse" or "slots N"'))

const ConfigSchema = v.strictObject({
  downloads_dir: v.optional(v.string(), ''),
  auto_seed: v.optional(v.boolean(), false),
  trackers: v.optional(v.array(v.pipe(v.string(), v.url())), []),
  bittorrent: v.optional(
    v.strictObject({
      host: v.optional(v.string(), ''),
      port: v.optional(port, 6881),
      peers_max: v.optional(count(2_000), 200),
      upload_slots: v.optional(count(1_000), 16),
    }),
    {},
  ),
  http: v.optional(
    v.strictObject({
      enabled: v.optional(v.boolean(), true),
      host: v.optional(v.string(), ''),
      port: v.optional(port, 6880),
    }),
    {},
  ),
  network: v.optional(v.strictObject({ allow_private: v.optional(v.boolean(), false) }), {}),
  tally: v.optional(
    v.strictObject({
      enabled: v.optional(v.boolean(), true),
      authority: v.optional(url, ''),
      peers_without: v.optional(policy, 'serve'),
    }),
    {},
  ),
  money: v.optional(
    v.strictObject({
      rpc_url: v.optional(url, ''),
      chain_id: v.optional(count(Number.MAX_SAFE_INTEGER), 98_765),
      channel_contract: v.optional(contract, ''),
      batch_pay_contract: v.optional(contract, ''),
      price_wei_per_mib: v.optional(wei, '0'),
      max_price_wei_per_mib: v.optional(wei, '0'),
      spend_max_wei: v.optional(wei, '0'),
      settle_threshold_wei: v.optional(wei, '1000000000000000'),
    }),
    {},
  ),
})

export type Config = v.InferOutput<typeof ConfigSchema>

export const CONFIG_FILE = 'config.toml'

/** The config with every default. */
export const defaultConfig = (): Config => v.parse(ConfigSchema, {})

/** Checks a parsed TOML document. @throws {CodedError<'BAD_CONFIG'>} naming the key and what was expected. */
export function parseConfig(document: unknown): Config {
  const result = v.safeParse(ConfigSchema, document)
  if (result.success) return result.output
  const issue = result.issues[0]
  const path = issue.path?.map((item) => String(item.key)).join('.') ?? '(top)'
  throw new CodedError('BAD_CONFIG', `config key "${path}": ${issue.message}`)
}

/** Reads HOME/config.toml; defaults when there is none. @throws {CodedError<'BAD_CONFIG'>} */
export async function readConfig(home: string): Promise<Config> {
  const file = join(home, CONFIG_FILE)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return defaultConfig()
    throw new CodedError('BAD_CONFIG', `cannot read ${file}: ${messageOf(error)}`, { cause: error })
  }
  try {
    return parseConfig(parse(text))
  } catch (error) {
    if (error instanceof CodedError) throw error
    throw new CodedError('BAD_CONFIG', `${file} is not TOML: ${messageOf(error)}`, { cause: error })
  }
}

/** What each key means, with its unit. */
const CONFIG_HELP: Readonly<Record<string, string>> = {
  downloads_dir: 'where `get` puts files when --out is not given; empty: the current folder',
  auto_seed: 'keep finished downloads shared (by `up`, and by `get` until stopped)',
  trackers: 'announce URLs put into new torrents',
  'bittorrent.host': 'address to listen on; empty: every interface',
  'bittorrent.port': 'TCP port for peers; 0: any free one',
  'bittorrent.peers_max': 'connections per share, at most',
  'bittorrent.upload_slots': 'peers served at once per share',
  'http.enabled': 'serve shares over HTTP too',
  'http.host': 'address to listen on; empty: every interface',
  'http.port': 'TCP port for HTTP; 0: any free one',
  'network.allow_private':
    'let trackers and web seeds named by torrents reach loopback and private addresses',
  'tally.enabled': 'offer and demand signed tallies where the peer speaks them',
  'tally.authority': 'URL of the credential authority (a tracker); empty: tallies are bilateral evidence',
  'tally.peers_without': 'peers that cannot sign tallies: "serve", "refuse" or "slots N"',
  'money.rpc_url': 'JSON-RPC of an EVM node; empty: `up` and `demo` start a development chain',
  'money.chain_id': 'the chain id the RPC must have',
  'money.channel_contract': 'address of TallyChannel on that chain',
  'money.batch_pay_contract': 'address of BatchPay on that chain',
  'money.price_wei_per_mib': 'what we ask for a MiB (2^20 bytes); "0": free',
  'money.max_price_wei_per_mib': 'what we pay for a MiB at most; "0": free sources only',
  'money.spend_max_wei': 'what one download may cost at most',
  'money.settle_threshold_wei': 'claim on chain when this much is owed to us',
}

function tomlValue(value: unknown): string {
  if (typeof value === 'bigint') return `"${value}"`
  return JSON.stringify(value)
}

/** The whole file, commented, with the values in force. */
export function formatConfig(config: Config): string {
  const lines: string[] = []
  const put = (path: string, key: string, value: unknown) =>
    lines.push(`# ${CONFIG_HELP[path] ?? ''}`, `${key} = ${tomlValue(value)}`)
  const entries = Object.entries(config)
  const isTable = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
  for (const [key, value] of entries) if (!isTable(value)) put(key, key, value)
  for (const [key, value] of entries) {
    if (!isTable(value)) continue
    lines.push('', `[${key}]`)
    for (const [inner, innerValue] of Object.entries(value)) put(`${key}.${inner}`, inner, innerValue)
  }
  return `${lines.join('\n')}\n`
}
