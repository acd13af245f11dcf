/**
 * `npm run check`: everything that is checked without running the program. All checks run even when one fails; what
 * a failed one printed is shown, then a summary.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = join(root, 'node_modules', '.bin')

type Check = { readonly name: string; readonly command: readonly string[]; readonly needs?: string }

const CHECKS: readonly Check[] = [
  { name: 'types', command: ['tsc', '-p', '.'] },
  { name: 'format and lint', command: ['biome', 'ci', '--colors=off', '.'] },
  { name: 'import rules', command: ['depcruise', 'src', 'test', 'bench', 'scripts'] },
  { name: 'unused code', command: ['knip'] },
  {
    name: 'contracts are current',
    command: ['node', 'scripts/compile-contracts.ts', '--check'],
    needs: 'scripts/compile-contracts.ts',
  },
  {
    name: 'the page of limits is current',
    command: ['node', 'scripts/limits.ts', '--check'],
    needs: 'scripts/limits.ts',
  },
]

type Outcome = {
  readonly check: Check
  readonly ok: boolean
  readonly seconds: number
  readonly output: string
}

/** Runs one check with the repository's own tools first on the PATH. */
function carryOut(check: Check): Promise<Outcome> {
  const startMs = performance.now()
  const [program, ...args] = check.command
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH']}` }
  const child = spawn(program!, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => output.push(String(text)))
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const finish = (ok: boolean) =>
    resolve({ check, ok, seconds: (performance.now() - startMs) / 1000, output: output.join('') })
  child.once('error', (error) => {
    output.push(`${error.message}\n`)
    finish(false)
  })
  child.once('close', (code) => finish(code === 0))
  return promise
}

const present = CHECKS.filter(({ needs }) => needs === undefined || existsSync(join(root, needs)))
const outcomes: Outcome[] = []
for (const check of present) {
  const outcome = await carryOut(check)
  outcomes.push(outcome)
  if (!outcome.ok) console.log(`\n== ${check.name}: ${check.command.join(' ')}\n${outcome.output}`)
}
for (const { check, ok, seconds } of outcomes) {
  console.log(`${ok ? 'ok    ' : 'FAILED'}  ${check.name} (${seconds.toFixed(1)} s)`)
}
for (const { name, needs } of CHECKS.filter((check) => !present.includes(check))) {
  console.log(`absent  ${name}: there is no ${needs}`)
}
process.exitCode = outcomes.every(({ ok }) => ok) ? 0 : 1
