// Goal: no name from outside leaves the folder of its share, harms a system we run on, or meets another name
// there.
import { equal, ok, throws } from 'node:assert/strict'
import { posix, win32 } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { DecodeError } from '../base/errors.ts'
import { PathJail, safeComponent, safePath } from './safe-path.ts'

const refused: [string, string[]][] = [
  ['PATH_EMPTY', []],
  ['PATH_EMPTY', ['']],
  ['PATH_EMPTY', ['a', '', 'b']],
  ['PATH_TRAVERSAL', ['..']],
  ['PATH_TRAVERSAL', ['a', '..', 'b']],
  ['PATH_TRAVERSAL', ['.']],
  ['PATH_CHARACTER', ['/etc/passwd']],
  ['PATH_CHARACTER', ['a', '../b']],
  ['PATH_CHARACTER', ['..\\b']],
  ['PATH_CHARACTER', ['a\0b']],
  ['PATH_CHARACTER', ['a\nb']],
  ['PATH_CHARACTER', ['a\x7f']],
  ['PATH_CHARACTER', ['a\x9b']],
  ['PATH_CHARACTER', ['\ud800']],
  ['PATH_RESERVED', ['CON']],
  ['PATH_RESERVED', ['x', 'nul.txt']],
  ['PATH_RESERVED', ['Com1']],
  ['PATH_RESERVED', ['C:']],
  ['PATH_RESERVED', ['c:x']],
  ['PATH_TOO_LONG', ['a'.repeat(256)]],
  ['PATH_TOO_LONG', ['é'.repeat(128)]],
  ['PATH_TOO_LONG', new Array(65).fill('a')],
  ['PATH_TOO_LONG', new Array(20).fill('a'.repeat(120))],
]
for (const [code, components] of refused) {
  test(`refuses ${code}: ${JSON.stringify(components).slice(0, 30)}`, () =>
    throws(() => safePath(components), { name: 'DecodeError', code }))
}

test('passes names that people use', () => {
  for (const name of [
    'a',
    '...',
    '.hidden',
    'What? "Yes": 100% <ok>.mkv',
    'ファイル',
    'console',
    'com10',
    'é'.repeat(127),
  ]) {
    equal(safeComponent(name), name)
  }
  equal(safePath(['a', 'b c', 'd.txt']), 'a/b c/d.txt')
})

const clashes: [string[], string[]][] = [
  [['a'], ['a']],
  [['Read.me'], ['read.ME']],
  [['a'], ['a', 'b']],
  [['a', 'b'], ['A']],
  [
    ['a', 'b', 'c'],
    ['a', 'B'],
  ],
  [['\u00e9'], ['e\u0301']],
  [['a'], ['a.']],
  [['a '], ['a', 'b']],
]
for (const [first, second] of clashes) {
  test(`${first.join('/')} and ${second.join('/')} clash`, () => {
    const jail = new PathJail()
    jail.add(first)
    throws(() => jail.add(second), { code: 'PATH_CLASH' })
  })
}

test('neighbours do not clash', () => {
  const jail = new PathJail()
  for (const path of ['a/b', 'a/c', 'a/d/e', 'a/d/f', 'ab', 'A/g']) equal(jail.add(path.split('/')), path)
})

test('any components stay below the folder, on every system, or raise DecodeError', () => {
  const name = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('..', '.', '/', '\\', 'C:', 'a', '', '//x', '\\\\server\\x', 'a/../..'),
  )
  fc.assert(
    fc.property(fc.array(name, { maxLength: 5 }), (components) => {
      try {
        const path = safePath(components)
        ok(posix.resolve('/root/share', path).startsWith('/root/share/'))
        ok(win32.resolve('C:\\root\\share', path).startsWith('C:\\root\\share\\'))
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error
      }
    }),
  )
})
