// Goal: read the magnet links that are in use, refuse broken ones with a code, and write ones that come back.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex, toHex, utf8 } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { infoHashV1, infoHashV2 } from '../base/ids.ts'
import { formatAddress, parseAddress } from './address-text.ts'
import { fromBase32, toBase32 } from './base32.ts'
import { formatMagnet, type Magnet, parseMagnet } from './magnet.ts'

// The hybrid magnet of libtorrent's own documentation of bittorrent v2 test torrents.
const V1 = '631a31dd0a46257d5078c0dee4e66e26f73e42ac'
const V2 = 'd8dd32ac93357c368556af3ac1d95c9d76bd0dff6fa9833ecdac3d53134efabb'

test('reads every parameter', () => {
  const magnet = parseMagnet(
    `magnet:?xt=urn:btih:${V1}&xt=urn:btmh:1220${V2}&dn=bittorrent-v1-v2+hybrid%20t%C3%A9st&xl=42` +
      '&tr=http%3A%2F%2Ft.example%2Fannounce&tr.1=udp://u.example:1&ws=http://w.example/&x.pe=1.2.3.4:5' +
      '&x.pe=[2001:db8::1]:6&x.pe=host.example:7&so=0,2,4-8&unknown=1&=&junk',
  )
  deepEqual(magnet, {
    infoHashV1: infoHashV1(fromHex(V1)),
    infoHashV2: infoHashV2(fromHex(V2)),
    name: 'bittorrent-v1-v2 hybrid tést',
    length: 42,
    trackers: ['http://t.example/announce', 'udp://u.example:1'],
    webSeeds: ['http://w.example/'],
    peers: [
      { host: '1.2.3.4', port: 5 },
      { host: '2001:db8::1', port: 6 },
      { host: 'host.example', port: 7 },
    ],
    selectOnly: [
      { first: 0, last: 0 },
      { first: 2, last: 2 },
      { first: 4, last: 8 },
    ],
  })
})

test('reads base32 and either case; a topic that is not BitTorrent is passed over', () => {
  const base32 = toBase32(fromHex(V1))
  for (const hash of [base32, base32.toLowerCase(), V1.toUpperCase()]) {
    const { infoHashV1: found } = parseMagnet(`MAGNET:?xt=urn:sha1:ABC&XT=URN:BTIH:${hash}&xt=urn:btih:${V1}`)
    equal(toHex(found!), V1)
  }
})

const hash = `magnet:?xt=urn:btih:${V1}`
const refused: [string, string][] = [
  ['NOT_A_MAGNET', 'http://x/'],
  ['NOT_A_MAGNET', 'magnet:'],
  ['MAGNET_TOPIC', 'magnet:?dn=x'],
  ['MAGNET_TOPIC', 'magnet:?xt=urn:btih:1234'],
  ['MAGNET_TOPIC', `magnet:?xt=urn:btmh:${V2}`],
  ['MAGNET_TOPIC', `magnet:?xt=urn:btmh:1114${V1}`],
  ['MAGNET_TOPIC', `${hash}&xt=urn:btih:${'0'.repeat(40)}`],
  ['NOT_BASE32', `magnet:?xt=urn:btih:${'1'.repeat(32)}`],
  ['MAGNET_ESCAPE', `${hash}&dn=%`],
  ['MAGNET_ESCAPE', `${hash}&dn=%ff`],
  ['MAGNET_NUMBER', `${hash}&xl=-1`],
  ['MAGNET_NUMBER', `${hash}&xl=99999999999999999999`],
  ['MAGNET_NUMBER', `${hash}&so=a`],
  ['MAGNET_NUMBER', `${hash}&so=2-1`],
  ['MAGNET_NUMBER', `${hash}&so=9999999999`],
  ['MAGNET_TOO_MANY', `${hash}&so=${'1,'.repeat(200)}1`],
  ['MAGNET_TOO_MANY', hash + '&tr=u'.repeat(201)],
  ['MAGNET_TOO_LONG', `${hash}&dn=${'x'.repeat(65_536)}`],
  ['BAD_ADDRESS', `${hash}&x.pe=1.2.3.4`],
]
for (const [code, link] of refused) {
  test(`refuses ${code}: ${link.slice(-30)}`, () =>
    throws(() => parseMagnet(link), { name: 'DecodeError', code }))
}

test('addresses come back; nonsense does not pass', () => {
  for (const text of ['a.example:1', '1.2.3.4:65535', '[::1]:80', '[fe80::1%eth0]:80'])
    equal(formatAddress(parseAddress(text)), text)
  for (const text of [
    '',
    'a',
    'a:',
    ':1',
    'a:0',
    'a:65536',
    'a:1:2',
    '::1:80',
    '[1.2.3.4]:5',
    '[x]:1',
    '[::1%]:1',
    'a/b:1',
    'u@h:1',
    'a b:1',
  ]) {
    throws(() => parseAddress(text), { code: 'BAD_ADDRESS' }, text)
  }
})

test('base32 agrees with RFC 4648 and comes back', () => {
  const vectors = ['', 'MY', 'MZXQ', 'MZXW6', 'MZXW6YQ', 'MZXW6YTB', 'MZXW6YTBOI']
  for (const [i, text] of vectors.entries()) {
    equal(toBase32(utf8('foobar'.slice(0, i))), text)
    deepEqual(fromBase32(text), utf8('foobar'.slice(0, i)))
  }
  for (const bad of ['M', 'MZ', 'M1', 'MY======', 'é'])
    throws(() => fromBase32(bad), { code: 'NOT_BASE32' }, bad)
  fc.assert(fc.property(fc.uint8Array(), (bytes) => deepEqual(fromBase32(toBase32(bytes)), bytes)))
})

const texts = fc.array(fc.string({ minLength: 1, unit: 'grapheme' }), { maxLength: 3 })
const magnets: fc.Arbitrary<Magnet> = fc.record(
  {
    infoHashV1: fc.uint8Array({ minLength: 20, maxLength: 20 }).map(infoHashV1),
    infoHashV2: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(infoHashV2),
    name: fc.string({ minLength: 1, unit: 'grapheme' }),
    length: fc.nat(),
    trackers: texts,
    webSeeds: texts,
    peers: fc.array(fc.constantFrom({ host: 'h', port: 1 }, { host: '::1', port: 65_535 })),
    selectOnly: fc.array(
      fc.tuple(fc.nat(9), fc.nat(9)).map(([first, more]) => ({ first, last: first + more })),
      { minLength: 1, maxLength: 5 },
    ),
  },
  { requiredKeys: ['infoHashV1', 'trackers', 'webSeeds', 'peers'], noNullPrototype: true },
)

test('every magnet comes back', () => {
  fc.assert(fc.property(magnets, (magnet) => deepEqual(parseMagnet(formatMagnet(magnet)), { ...magnet })))
})

test('any text parses or raises DecodeError', () => {
  const part = fc.constantFrom(
    'xt=urn:btih:',
    V1,
    '&',
    'dn=',
    'so=',
    'xl=',
    'x.pe=',
    '1-2',
    '%41',
    '%',
    ':',
    '[',
    '.1',
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(fc.oneof(part, fc.string({ maxLength: 3 }))).map((p) => `magnet:?${p.join('')}`),
  )
  fc.assert(
    fc.property(text, (link) => {
      try {
        parseMagnet(link)
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error
      }
    }),
    { numRuns: 1000 },
  )
})
