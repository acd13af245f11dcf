// Goal: read every tracker URL as trackers mean it, refuse the rest with a code, and never show a passkey.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DecodeError } from '../base/errors.ts'
import { parseTrackerUrl, redirectTarget, scrapePath, trackerLabel, withQuery } from './tracker-url.ts'

test('reads the three schemes, ports said and unsaid, IPv6, and the URL of BEP 41', () => {
  for (const [text, scheme, host, port, pathAndQuery] of [
    ['http://tracker.example/announce', 'http', 'tracker.example', 80, '/announce'],
    [
      'HTTPS://Tracker.Example/a/announce.php?passkey=A%2f1',
      'https',
      'tracker.example',
      443,
      '/a/announce.php?passkey=A%2f1',
    ],
    ['http://[2001:db8::1]:6969/announce', 'http', '2001:db8::1', 6969, '/announce'],
    ['udp://tracker.example.com:80/dir?a=b&c=d', 'udp', 'tracker.example.com', 80, '/dir?a=b&c=d'],
    ['udp://tracker.example:443', 'udp', 'tracker.example', 443, '/'],
    ['udp://tracker.example', 'udp', 'tracker.example', 80, '/'],
    ['http://0x7f.1/announce', 'http', '127.0.0.1', 80, '/announce'],
    ['http://host/announce#part', 'http', 'host', 80, '/announce'],
  ] as const) {
    deepEqual(parseTrackerUrl(text), { scheme, host, port, pathAndQuery }, text)
  }
})

test('refuses what is no tracker URL', () => {
  const long = `http://h/${'a'.repeat(2048)}`
  for (const text of [
    '',
    'wss://h',
    'ftp://h/',
    'udp:h:80',
    'http://',
    'http://h:0/',
    'http://u:p@h/',
    'http://h:99999/',
    long,
  ]) {
    throws(() => parseTrackerUrl(text), { name: 'DecodeError', code: 'TRACKER_URL' }, text)
  }
})

test('any text is read or refused with a code, and a label never has a path', () => {
  const text = fc
    .tuple(fc.constantFrom('http://', 'udp://', ''), fc.string({ unit: 'binary' }))
    .map(([a, b]) => a + b)
  fc.assert(
    fc.property(text, (url) => {
      equal(trackerLabel(url).replace('://', '').includes('/'), false)
      try {
        parseTrackerUrl(url)
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error
      }
    }),
  )
  equal(trackerLabel('https://[::1]:8443/secret/announce'), 'https://[::1]:8443')
})

test('a scrape URL is made as BEP 48 says, with its query kept', () => {
  equal(scrapePath('/announce'), '/scrape')
  equal(scrapePath('/x/announce.php?pk=announce'), '/x/scrape.php?pk=announce')
  equal(scrapePath('/announce/x'), undefined)
  equal(scrapePath('/a'), undefined)
  equal(withQuery('/scrape', 'a=1'), '/scrape?a=1')
  equal(withQuery('/scrape?pk=1', 'a=1'), '/scrape?pk=1&a=1')
})

test('a redirect stays on the web, and on TLS', () => {
  const from = new URL('https://t.example/announce')
  equal(redirectTarget('/other', from)?.href, 'https://t.example/other')
  equal(redirectTarget('http://t.example/other', from), undefined)
  equal(redirectTarget('http://t.example/', new URL('http://t.example'))?.href, 'http://t.example/')
  for (const location of ['file:///etc/passwd', 'javascript:1', 'http://[', `/${'a'.repeat(3000)}`]) {
    equal(redirectTarget(location, new URL('http://t.example')), undefined, location)
  }
})
