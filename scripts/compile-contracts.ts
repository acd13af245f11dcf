/**
 * Compiles `contracts/*.sol` to typed constants in `contracts/generated/` (ABI and bytecode), so that nobody needs a
 * compiler to run us. `--check` writes nothing and fails when the committed files are not what the sources give.
 *
 * @module
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

type Compiled = { abi: unknown; evm: { bytecode: { object: string } } }
type SolcOutput = {
  errors?: { severity: string; formattedMessage: string }[]
  contracts?: Record<string, Record<string, Compiled>>
}
const solc: { version(): string; compile(input: string, callbacks: object): string } = createRequire(
  import.meta.url,
)('solc')

const root = join(import.meta.dirname, '..')
const folder = join(root, 'contracts')
/** Which contracts of which source go to which generated file. */
const OUTPUTS = [
  { source: 'TallyChannel.sol', contracts: ['TallyChannel'], file: 'tally-channel.ts' },
  { source: 'BatchPay.sol', contracts: ['BatchPay'], file: 'batch-pay.ts' },
  { source: 'test/Attackers.sol', contracts: ['Refuser', 'Glutton', 'Reentrant'], file: 'attackers.ts' },
] as const

function compile(): NonNullable<SolcOutput['contracts']> {
  const sources = Object.fromEntries(
    OUTPUTS.map(({ source }) => [source, { content: readFileSync(join(folder, source), 'utf8') }]),
  )
  const settings = {
    evmVersion: 'cancun',
    optimizer: { enabled: true, runs: 1000 },
    metadata: { appendCBOR: false, bytecodeHash: 'none' },
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
  }
  const findImport = (path: string) => {
    const file = join(path.startsWith('@') ? join(root, 'node_modules') : folder, path)
    return existsSync(file) ? { contents: readFileSync(file, 'utf8') } : { error: `no file ${path}` }
  }
  const input = JSON.stringify({ language: 'Solidity', sources, settings })
  const output: SolcOutput = JSON.parse(solc.compile(input, { import: findImport }))
  for (const { formattedMessage } of output.errors ?? []) console.error(formattedMessage)
  if ((output.errors ?? []).length > 0) throw new Error('solc reported errors or warnings')
  return output.contracts ?? {}
}

function render(source: string, contracts: readonly string[], compiled: Record<string, Compiled>): string {
  const constants = contracts.map((name) => {
    const { abi, evm } = compiled[name]!
    const prefix = name.replace(/(?!^)([A-Z])/g, '_$1').toUpperCase()
    return (
      `export const ${prefix}_ABI = ${JSON.stringify(abi, null, 2)} as const\n\n` +
      `export const ${prefix}_BYTECODE =\n  '0x${evm.bytecode.object}' as const\n`
    )
  })
  return (
    `/**\n * Generated from contracts/${source} by scripts/compile-contracts.ts with solc ${solc.version()}.` +
    ` Do not edit.\n *\n * @module\n */\n\n${constants.join('\n')}`
  )
}

const checkOnly = process.argv.includes('--check')
const compiled = compile()
const stale: string[] = []
for (const { source, contracts, file } of OUTPUTS) {
  const path = join(folder, 'generated', file)
  const text = render(source, contracts, compiled[source]!)
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue
  stale.push(`contracts/generated/${file}`)
  if (!checkOnly) writeFileSync(path, text)
}
if (checkOnly && stale.length > 0) {
  console.error(`not current: ${stale.join(', ')}; run node scripts/compile-contracts.ts`)
  process.exitCode = 1
} else {
  console.log(stale.length === 0 ? 'generated contracts are current' : `wrote ${stale.join(', ')}`)
}
