// Goal: the conventions of docs/ARCHITECTURE.md hold, where no linter looks: pure folders touch no clock, chance or
// world; files stay short and say what they are; nothing is left half done.
import { deepEqual, ok } from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const PURE = [
  'base',
  'crypto',
  'content',
  'announce',
  'tally',
  'money',
  'reputation',
  'transfer',
  'bittorrent',
  'http',
  'discovery',
  'tracker',
]
const LINES_WANTED_MAX = 300
const LINES_MAX = 400

type Source = { readonly path: string; readonly text: string; readonly lines: readonly string[] }

const filesOf = (patterns: readonly string[]): Source[] =>
  globSync(patterns, { cwd: root })
    .sort()
    .map((path) => ({ path, text: readFileSync(`${root}${path}`, 'utf8') }))
    .map(({ path, text }) => ({ path, text, lines: text.trimEnd().split('\n') }))

const product = filesOf(['src/**/*.ts'])
const all = [...product, ...filesOf(['test/**/*.ts', 'scripts/**/*.ts', 'bench/**/*.ts'])]
const isTest = ({ path }: Source) => path.endsWith('.test.ts')
const isFixture = ({ path }: Source) => /[/.]fixture\.ts$/.test(path)
const isPure = ({ path }: Source) => PURE.includes(path.split('/')[1]!) && !path.includes('/io/')

/** Words a pure file may not use as code: each reaches the clock, chance, the process or the network. */
const WORLDLY =
  /(?<![\w.$#'`"-])(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|performance\.|fetch\(|process\.|console\.|Buffer\b|crypto\.(getRandomValues|randomUUID))/

/** The line without what stands in comments; strings stay, the pattern looks past quotes. */
function codeOf(line: string): string {
  return /^\s*(\*|\/\*|\/\/)/.test(line) ? '' : line.replace(/\s\/\/ .*$/, '')
}

/** `path:line` of each line that `fault` finds fault with. */
const linesWhere = (files: readonly Source[], fault: (line: string) => boolean) =>
  files.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => (fault(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  )

/** Fails with the first of the faults found. */
function none(faults: readonly string[]): void {
  ok(faults.length === 0, `${faults.length} found:\n${faults.slice(0, 20).join('\n')}`)
}

test('the sources were found', () => ok(product.length > 100, `only ${product.length} files in src/`))

test('pure folders use no clock, chance, timer, process, console, Buffer or network', () => {
  const files = product.filter((file) => isPure(file) && !isTest(file) && !isFixture(file))
  none(linesWhere(files, (line) => WORLDLY.test(codeOf(line))))
})

test('the pattern for worldly words finds them and nothing else', () => {
  const worldly = [
    'const x = Date.now()',
    'setTimeout(f, 1)',
    '  await fetch(url)',
    'f(new Date())',
    'Buffer.from(x)',
  ]
  const innocent = [
    'clock.nowMs()',
    '// Date.now is outside',
    'this.fetch(x)',
    'const preprocess = 1',
    "'fetch('",
    'ArrayBuffer',
  ]
  deepEqual(
    [worldly, innocent].map((lines) => lines.filter((line) => WORLDLY.test(codeOf(line))).length),
    [5, 0],
  )
})

test(`no file is longer than ${LINES_MAX} lines`, (t) => {
  const tooLong = all.filter(({ lines }) => lines.length > LINES_WANTED_MAX)
  for (const { path, lines } of tooLong)
    t.diagnostic(`${path}: ${lines.length} lines, ${LINES_WANTED_MAX} wanted`)
  none(tooLong.filter(({ lines }) => lines.length > LINES_MAX).map(({ path }) => path))
})

test('every file says in its first lines what it is', () => {
  const silent = all.filter((file) =>
    isTest(file)
      ? !/^(#!.*\n)?(\/\/|\/\*)/.test(file.text)
      : !/^(#!.*\n)?\/\*\*[\s\S]*?@module[\s\S]*?\*\//.test(file.text),
  )
  none(silent.map(({ path }) => path))
})

test('nothing is left half done or switched off', () => {
  const self = 'test/tidy.test.ts'
  const files = all.filter(({ path }) => path !== self)
  none(linesWhere(files, (line) => /\b(TODO|FIXME|XXX)\b|\.only\(|@ts-(ignore|nocheck)/.test(line)))
})
