// Goal: a name from a stranger cannot break out of its header, a page cannot run what we serve, and only
// listed origins read it.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BYTES_TYPE, contentDisposition, contentType, corsHeaders, retryAfterMs } from './headers.ts'

const CHARS = fc.constantFrom(
  'a',
  ' ',
  '/',
  '\\',
  '"',
  '%',
  "'",
  '*',
  ';',
  '\r',
  '\n',
  '\0',
  'ü',
  '🙂',
  '\ud800',
)

test('types that could run script are bytes', () => {
  equal(contentType('film.MP4'), 'video/mp4')
  equal(contentType('notes.txt'), 'text/plain; charset=utf-8')
  for (const name of ['x.html', 'x.svg', 'x.js', 'x.xml', 'x', '.png.exe', 'x.constructor', 'x.__proto__']) {
    equal(contentType(name), BYTES_TYPE)
  }
})

test('names are quoted, and spelled out where they are not ASCII', () => {
  equal(contentDisposition('a b.txt'), 'attachment; filename="a b.txt"')
  equal(
    contentDisposition('dir/a"b\\c'),
    'attachment; filename="c"; filename*=UTF-8\'\'c'.replace(/;[^;]*$/, ''),
  )
  equal(
    contentDisposition('na"ïve%.txt'),
    'attachment; filename="na__ve_.txt"; filename*=UTF-8\'\'na%22%C3%AFve%25.txt',
  )
  equal(contentDisposition(''), 'attachment; filename="file"')
})

test('any name makes one header line with one file name and no path', () => {
  fc.assert(
    fc.property(fc.string({ unit: CHARS, maxLength: 300 }), (name) => {
      const header = contentDisposition(name)
      match(header, /^attachment; filename="[ !#$&-[\]-~]+"(; filename\*=UTF-8''[A-Za-z0-9._~%-]*)?$/)
      ok(!header.includes('/') && header.length < 1_500)
    }),
  )
})

test('CORS', () => {
  deepEqual(corsHeaders('https://a', []), {})
  deepEqual(corsHeaders('https://b', ['https://a']), { Vary: 'Origin' })
  equal(corsHeaders('https://a', ['https://a'])['Access-Control-Allow-Origin'], 'https://a')
  equal(corsHeaders('https://a', ['*'])['Access-Control-Allow-Origin'], '*')
  deepEqual(corsHeaders(undefined, ['*']), {})
})

test('Retry-After in seconds, bounded', () => {
  equal(retryAfterMs('3', 10_000), 3_000)
  equal(retryAfterMs('30', 10_000), 10_000)
  for (const nonsense of [undefined, '', '-1', '1.5', 'soon', '9'.repeat(30)])
    equal(retryAfterMs(nonsense, 1), undefined)
})
