// Goal: tell links apart, read ed2k links as eMule writes them, and refuse broken ones with a code.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex, toHex } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { ed2kHash } from '../base/ids.ts'
import { ED2K_PART_BYTES, ed2kPartCount } from './ed2k.ts'
import { type Ed2kLink, formatEd2kLink, parseEd2kLink } from './ed2k-link.ts'
import { parseLink } from './link.ts'

const HASH = '0123456789ABCDEF0123456789ABCDEF'
const AICH = 'LCWBPN3U3BZ3DXWGLEAGKLTVHZ5LYJNQ'
const file = (rest: string) => `ed2k://|file|a%20b.iso|${ED2K_PART_BYTES}|${HASH}|${rest}`

test('reads the links that eMule writes', () => {
  const hash = ed2kHash(fromHex(HASH))
  const plain = { name: 'a b.iso', length: ED2K_PART_BYTES, hash, urls: [], sources: [] }
  deepEqual(parseEd2kLink(file('/')), plain)
  deepEqual(parseEd2kLink(file('').slice(0, -1).concat('|')), plain)
  deepEqual(parseEd2kLink(file('/').replaceAll('|', '%7C')), plain)
  const full = parseEd2kLink(
    file(`p=${HASH}:${HASH}|h=${AICH}|s=http://x/a|z=1|/|sources,1.2.3.4:4662,h.example:1|/`),
  )
  deepEqual(full.partHashes, [fromHex(HASH), fromHex(HASH)])
  equal(full.aichRoot?.length, 20)
  deepEqual(full.urls, ['http://x/a'])
  deepEqual(full.sources, [
    { host: '1.2.3.4', port: 4662 },
    { host: 'h.example', port: 1 },
  ])
  equal(parseEd2kLink(file('/').replace('a%20b.iso', '100%')).name, '100%')
})

test('an exact multiple of the part length has one part more', () => {
  deepEqual(
    [0, 1, ED2K_PART_BYTES - 1, ED2K_PART_BYTES, ED2K_PART_BYTES + 1].map(ed2kPartCount),
    [1, 1, 1, 2, 2],
  )
})

const refused: [string, string][] = [
  ['NOT_AN_ED2K_LINK', 'ed2k://|server|1.2.3.4|4661|/'],
  ['NOT_AN_ED2K_LINK', 'ed2k://'],
  ['ED2K_NAME', `ed2k://|file||1|${HASH}|/`],
  ['ED2K_SIZE', `ed2k://|file|a|x|${HASH}|/`],
  ['ED2K_SIZE', `ed2k://|file|a|999999999999999|${HASH}|/`],
  ['ED2K_HASH', 'ed2k://|file|a|1|0123|/'],
  ['ED2K_PARTS', file(`p=${HASH}|/`)],
  ['ED2K_PARTS', file(`p=${HASH}:x|/`)],
  ['ED2K_AICH', file('h=ABC|/')],
  ['NOT_BASE32', file(`h=${'1'.repeat(32)}|/`)],
  ['BAD_ADDRESS', file('/|sources,1.2.3.4|/')],
  ['ED2K_TOO_MANY', file(`/|sources,${'h:1,'.repeat(201)}|/`)],
  ['ED2K_TOO_MANY', file(`${'s=u|'.repeat(201)}/`)],
  ['ED2K_TOO_LONG', file('x'.repeat(2 ** 20))],
]
for (const [code, link] of refused) {
  test(`refuses ${code}: ${link.slice(0, 50)}`, () =>
    throws(() => parseEd2kLink(link), { name: 'DecodeError', code }))
}

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const links: fc.Arbitrary<Ed2kLink> = fc
  .record(
    {
      name: fc.string({ minLength: 1, unit: 'grapheme' }),
      length: fc.nat(3 * ED2K_PART_BYTES),
      hash: bytes(16).map(ed2kHash),
      partHashes: fc.array(bytes(16), { minLength: 4, maxLength: 4 }),
      aichRoot: bytes(20),
      urls: fc.array(fc.constantFrom('http://a/b', 'ftp://c')),
      sources: fc.array(fc.constantFrom({ host: 'h', port: 1 }, { host: '::1', port: 2 })),
    },
    { requiredKeys: ['name', 'length', 'hash', 'urls', 'sources'] },
  )
  .map((link) => ({
    ...link,
    ...(link.partHashes && { partHashes: link.partHashes.slice(0, ed2kPartCount(link.length)) }),
  }))

test('every ed2k link comes back', () => {
  fc.assert(fc.property(links, (link) => deepEqual(parseEd2kLink(formatEd2kLink(link)), { ...link })))
})

test('parseLink tells what was pasted', () => {
  const v1 = 'ab'.repeat(20)
  const cid = 'cd'.repeat(32)
  const kinds: [string, string][] = [
    [`magnet:?xt=urn:btih:${v1}`, 'magnet'],
    [file('/'), 'ed2k'],
    [` ${cid.toUpperCase()}\n`, 'cid'],
    [v1, 'info-hash'],
    ['https://x.example/a.torrent', 'url'],
    ['HTTP://x.example/', 'url'],
    ['/tmp/a.torrent', 'path'],
    ['C:\\a.torrent', 'path'],
    ['a b', 'path'],
  ]
  for (const [text, kind] of kinds) equal(parseLink(text).kind, kind, text)
  const link = parseLink(cid)
  equal(link.kind === 'cid' && toHex(link.cid), cid)
})

test('parseLink refuses what has a known kind and is broken', () => {
  for (const [code, text] of [
    ['EMPTY_LINK', '  '],
    ['EMPTY_LINK', 'a\0b'],
    ['UNKNOWN_SCHEME', 'gopher://x/'],
    ['BAD_URL', 'http://'],
    ['MAGNET_TOPIC', 'magnet:?x=1'],
    ['NOT_AN_ED2K_LINK', 'ed2k:x'],
  ] as const) {
    throws(() => parseLink(text), { name: 'DecodeError', code }, text)
  }
})

test('any text is a link or raises DecodeError', () => {
  const part = fc.constantFrom(
    'ed2k://|file|',
    'a|1|',
    HASH,
    '|/',
    '|',
    'p=',
    'h=',
    's=',
    '/|sources,',
    'h:1',
    '%7c',
    'http://',
  )
  const text = fc
    .array(fc.oneof(part, fc.string({ maxLength: 3 })), { maxLength: 8 })
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(text, (link) => {
      try {
        parseLink(link)
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error
      }
    }),
    { numRuns: 1000 },
  )
})
