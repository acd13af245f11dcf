/**
 * The test command. `npm test` runs every `*.test.ts` below src/ and test/, each file in a process of its own;
 * `npm run test:interop` runs the whole interop matrix instead of the short one. Files or folders as arguments
 * narrow the run.
 *
 * It fails when a test fails, when a file holds no test, when nothing ran, when a file takes too long, and when a
 * process that a test started outlives the run. What was skipped because a program is absent is said last, aloud.
 *
 * @module
 */
import { globSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { relative, resolve } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { endProcesses, type LeftProcess, processesOf, RUN_VARIABLE, watchFiles } from './processes-left.ts'

const NODE_MAJOR_MIN = 24
/** A file ends in seconds, or in two minutes where the machine has ten times as much to do: this is for hangs alone. */
const FILE_TIMEOUT_S = 600
const FULL_MATRIX_TIMEOUT_S = 1_800
/** A file whose tests have timed out still has to report it. */
const LATE_GRACE_MS = 10_000
const INTEROP_FILE = 'test/interop/interop.test.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
  console.error(
    `Node ${process.versions.node} cannot run TypeScript as it is. Run "npm ci", then "npm test": npm puts the Node ` +
      `that package.json pins first. By hand: node_modules/.bin/node scripts/test.ts`,
  )
  process.exit(2)
}

const { values: flags, positionals } = parseArgs({
  options: {
    'interop-full': { type: 'boolean', default: false },
    'file-timeout-s': { type: 'string' },
  },
  allowPositionals: true,
})

/** The test files asked for, relative to the root. */
function filesAskedFor(): string[] {
  if (flags['interop-full']) return [INTEROP_FILE]
  const wanted = positionals.length === 0 ? ['src', 'test'] : positionals
  const patterns = wanted.map((path) => {
    const found = statSync(resolve(root, path), { throwIfNoEntry: false })
    return found?.isDirectory() ? `${path.replace(/\/$/, '')}/**/*.test.ts` : path
  })
  return [...new Set(globSync(patterns, { cwd: root }))].sort()
}

type Totals = {
  ran: number
  failed: number
  readonly absent: string[]
  readonly empty: string[]
  readonly late: string[]
  readonly matrix: string[]
}
const totals: Totals = { ran: 0, failed: 0, absent: [], empty: [], late: [], matrix: [] }

/** Runs the files, shows what node's own reporter shows, and keeps what has to be said at the end. */
async function runFiles(files: readonly string[], runId: string): Promise<void> {
  const timeoutS = flags['file-timeout-s'] ?? (flags['interop-full'] ? FULL_MATRIX_TIMEOUT_S : FILE_TIMEOUT_S)
  // The runner's own timeout is for tests: a file that keeps running after its last test would hang it.
  const limitMs = Number(timeoutS) * 1000
  using _watch = watchFiles(runId, limitMs + LATE_GRACE_MS, ({ command }) =>
    totals.late.push(command.split(' ').at(-1)!),
  )
  const events = run({
    cwd: root,
    files: files.map((file) => resolve(root, file)),
    concurrency: availableParallelism(),
    timeout: limitMs,
  })
  events.on('test:pass', ({ name, nesting, skip, file }) => {
    // A file without a test is reported as one passing test that is named after the file.
    if (nesting === 0 && file !== undefined && resolve(root, name) === resolve(root, file)) {
      totals.empty.push(relative(root, file))
    } else if (skip === undefined) totals.ran++
    if (typeof skip === 'string' && skip.startsWith('ABSENT')) totals.absent.push(`${name}: ${skip}`)
  })
  events.on('test:fail', ({ todo }) => {
    if (todo === undefined) totals.failed++
  })
  events.on('test:diagnostic', ({ message }) => {
    if (message.startsWith('interop matrix')) totals.matrix.push(message)
  })
  for await (const text of events.compose(spec)) process.stdout.write(text as string)
}

/** What makes the run a failure, in words. */
function faults(left: readonly LeftProcess[]): string[] {
  return [
    ...(totals.failed > 0 ? [`${totals.failed} tests failed`] : []),
    ...(totals.ran === 0 ? ['no test ran'] : []),
    ...totals.empty.map((file) => `${file} holds no test`),
    ...totals.late.map((command) => `did not end by itself in time: ${command}`),
    ...left.map(({ pid, command }) => `still running after the tests, ended now: ${pid} ${command}`),
  ]
}

const runId = crypto.randomUUID()
process.env[RUN_VARIABLE] = runId
process.env['INTEROP'] = flags['interop-full'] ? 'full' : 'short'

const files = filesAskedFor()
if (files.length > 0) await runFiles(files, runId)
const left = await processesOf(runId)
await endProcesses(left)

for (const matrix of totals.matrix) console.log(`\n${matrix}`)
if (totals.absent.length > 0) {
  console.log(`\nSKIPPED BECAUSE A PROGRAM IS ABSENT (${totals.absent.length}):`)
  for (const reason of totals.absent) console.log(`  ${reason}`)
}
const found = faults(left)
for (const fault of found) console.log(`\nFAULT: ${fault}`)
console.log(`\n${found.length === 0 ? 'PASSED' : 'FAILED'}: ${totals.ran} tests in ${files.length} files`)
process.exitCode = found.length === 0 ? 0 : 1
