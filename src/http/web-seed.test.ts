// Goal: names of a torrent become the URLs that BEP 19 says, and come back to the same files.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { packedLayout } from '../content/piece-space.ts'
import { parseRoute } from './routes.ts'
import { parseHttpUrl, resolveWebSeedPath, webSeedFileUrl, webSeedUrl } from './web-seed.ts'

const one = { name: 'linux.iso', singleFile: true }
const many = { name: 'my dir', singleFile: false }
const urlOf = (base: string, share: typeof one, path = share.name) =>
  webSeedFileUrl(parseHttpUrl(base), share, path).href

test('the cases of BEP 19', () => {
  equal(urlOf('http://mirror.com/file.exe', one), 'http://mirror.com/file.exe')
  equal(urlOf('http://mirror.com/pub/', one), 'http://mirror.com/pub/linux.iso')
  equal(urlOf('http://mirror.com/pub', many, 'a/b c.txt'), 'http://mirror.com/pub/my%20dir/a/b%20c.txt')
  equal(urlOf('http://mirror.com/pub/', many, 'a/b'), 'http://mirror.com/pub/my%20dir/a/b')
  equal(
    urlOf('http://mirror.com/x/?key=1', many, '100%?#'),
    'http://mirror.com/x/my%20dir/100%25%3F%23?key=1',
  )
})

for (const [text, code] of [
  ['', 'URL_MALFORMED'],
  ['mirror.com/x', 'URL_MALFORMED'],
  [`http://h/${'x'.repeat(5_000)}`, 'URL_MALFORMED'],
  ['ftp://h/x', 'URL_SCHEME'],
  ['file:///etc/passwd', 'URL_SCHEME'],
  ['javascript:alert(1)', 'URL_SCHEME'],
  ['http://user@h/', 'URL_CREDENTIALS'],
  ['http://:pass@h/', 'URL_CREDENTIALS'],
] as const) {
  test(`refuses ${code}: ${text.slice(0, 30)}`, () =>
    throws(() => parseHttpUrl(text), { name: 'DecodeError', code }))
}

test('any name in a torrent comes back to the same file through our own routes', () => {
  const hash = 'ab'.repeat(20)
  const char = fc.constantFrom(
    'a',
    '.',
    ' ',
    '%',
    '2',
    'f',
    '?',
    '#',
    '&',
    '+',
    "'",
    '(',
    '\\',
    ':',
    '@',
    'ü',
    '🙂',
    '\n',
  )
  const name = fc
    .string({ minLength: 1, maxLength: 20, unit: char })
    .filter((text) => text !== '.' && text !== '..')
  fc.assert(
    fc.property(name, fc.array(name, { minLength: 1, maxLength: 4 }), (root, names) => {
      const path = names.join('/')
      const layout = packedLayout(16_384, [{ path, length: 1 }])
      const share = { name: root, singleFile: false, layout }
      const url = webSeedFileUrl(parseHttpUrl(webSeedUrl('http://h:1/', hash)), share, path)
      const route = parseRoute(url.pathname)
      deepEqual(route, { kind: 'web-seed', hash, path: [root, ...names] })
      deepEqual(resolveWebSeedPath(share, [root, ...names]), { path })
    }),
  )
})
