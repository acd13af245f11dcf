// Goal: read what real clients and trackers send, raw bytes included; agree with BEP 7, 23 and 48; name every
// fault.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, fromHex, toHex, utf8 } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { encodeBencode } from '../content/bencode.ts'
import type { AnnounceResponse } from './announce.ts'
import {
  formatAnnounceQuery,
  formatScrapeQuery,
  type HttpAnnounceRequest,
  parseAnnounceQuery,
  parseScrapeQuery,
} from './http-request.ts'
import {
  decodeAnnounceResponse,
  decodeScrapeResponse,
  encodeAnnounceResponse,
  encodeFailure,
  encodeScrapeResponse,
} from './http-response.ts'
import { parseQuery, percentDecode, percentEncode } from './query.ts'

const allBytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)
const peersMax = 50

test('every byte survives an escape in upper and lower case, and unescaped where it may stand', () => {
  deepEqual(percentDecode(percentEncode(allBytes)), allBytes)
  deepEqual(percentDecode(percentEncode(allBytes).toLowerCase()), Uint8Array.from(allBytes, lowered))
  const bare = String.fromCharCode(...allBytes).replace(/[%&=#]/g, '')
  equal(percentDecode(bare).length, 252)
})
const lowered = (byte: number) => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte)

test('a plus sign is a plus sign', () => {
  deepEqual(percentDecode('a+b%2B%20'), utf8('a+b+ '))
})

test('refuses a query: each code', () => {
  const limits = { charsMax: 20, fieldsMax: 2 }
  for (const [code, query] of [
    ['QUERY_LENGTH', 'a=0123456789012345678'],
    ['QUERY_FIELDS', 'a&b&c'],
    ['BAD_ESCAPE', 'a=%4'],
    ['BAD_ESCAPE', 'a=%zz'],
    ['NOT_BYTES', 'a=\u0100'],
  ] as const) {
    throws(() => parseQuery(query, limits), { name: 'DecodeError', code }, query)
  }
})

// As transmission 3 and libtorrent 2 send it, down to the case of escapes.
const hashText = '%12%f1%a6%bd+%00%20%FF%2a~zzzzzzzzzz'
const announceQuery =
  `info_hash=${hashText}&peer_id=-TR3000-abcdefghijkl&port=51413&uploaded=0&downloaded=0&left=262144` +
  '&numwant=80&key=1C0FFEE5&compact=1&supportcrypto=1&event=started'

test('reads an announce of a stock client', () => {
  const { infoHash, peerId, ...rest } = parseAnnounceQuery(announceQuery)
  equal(toHex(infoHash), `12f1a6bd2b0020ff2a7e${'7a'.repeat(10)}`)
  deepEqual(peerId, utf8('-TR3000-abcdefghijkl'))
  deepEqual(rest, {
    port: 51413,
    uploaded: 0,
    downloaded: 0,
    left: 262144,
    numWant: 80,
    key: 0x1c0ffee5,
    event: 'started',
    compact: true,
    noPeerId: false,
  })
})

test('reads the announce of BEP 7, whose address parameters are not believed', () => {
  const query =
    'peer_id=aaaaaaaaaaaaaaaaaaaa&info_hash=aaaaaaaaaaaaaaaaaaaa&port=6881&left=0&downloaded=100&uploaded=0' +
    '&compact=1&ipv6=2001%3A%3A53Aa%3A64c%3A0%3A7f83%3Abc43%3Adec9&ipv4=261.52.89.12&ip=127.0.0.1'
  const request = parseAnnounceQuery(query)
  equal(request.downloaded, 100)
  equal(JSON.stringify(request).includes('127.0.0.1'), false)
})

test('the odd values clients send mean what they meant', () => {
  const odd = parseAnnounceQuery(
    announceQuery
      .replace('left=262144', 'left=18446744073709551615')
      .replace('numwant=80', 'numwant=-1')
      .replace('key=1C0FFEE5', 'key=secret-words')
      .replace('event=started', 'event=empty'),
  )
  equal(odd.left, Number.MAX_SAFE_INTEGER)
  deepEqual([odd.numWant, odd.key, odd.event], [undefined, undefined, undefined])
})

for (const [code, from, to] of [
  ['PARAMETER_REPEATED', '&port=51413', '&port=51413&port=1'],
  ['PARAMETER_REPEATED', '&port=51413', '&port=51413&info_hash=a'],
  ['PARAMETER_MISSING', '&left=262144', ''],
  ['PARAMETER_LENGTH', 'abcdefghijkl', 'abcdefghijk'],
  ['PARAMETER_LENGTH', '&port', `&trackerid=${'a'.repeat(257)}&port`],
  ['PARAMETER_NUMBER', 'port=51413', 'port=65536'],
  ['PARAMETER_NUMBER', 'uploaded=0', 'uploaded=-1'],
  ['PARAMETER_NUMBER', 'uploaded=0', 'uploaded=1e3'],
  ['EVENT', 'event=started', 'event=resumed'],
] as const) {
  test(`refuses an announce: ${code} (${to})`, () =>
    throws(() => parseAnnounceQuery(announceQuery.replace(from, to)), { name: 'DecodeError', code }))
}

const twenty = fc.uint8Array({ minLength: 20, maxLength: 20 })
const count = fc.maxSafeNat()
test('announce and scrape queries round trip for any bytes', () => {
  const request = fc.record<HttpAnnounceRequest>(
    {
      infoHash: twenty,
      peerId: twenty,
      port: fc.nat(0xffff),
      uploaded: count,
      downloaded: count,
      left: count,
      event: fc.constantFrom('started', 'completed', 'stopped', 'paused'),
      key: fc.nat(0xffff_ffff),
      numWant: fc.nat(0xffff_ffff),
      trackerId: fc.uint8Array({ maxLength: 40 }),
      compact: fc.boolean(),
      noPeerId: fc.boolean(),
    },
    {
      requiredKeys: ['infoHash', 'peerId', 'port', 'uploaded', 'downloaded', 'left', 'compact', 'noPeerId'],
      noNullPrototype: true,
    },
  )
  fc.assert(fc.property(request, (value) => deepEqual(parseAnnounceQuery(formatAnnounceQuery(value)), value)))
  const hashes = fc.uniqueArray(twenty, { maxLength: 5, selector: toHex })
  fc.assert(fc.property(hashes, (value) => deepEqual(parseScrapeQuery(formatScrapeQuery(value)), value)))
})

test('refuses a scrape: each code', () => {
  throws(() => parseScrapeQuery('info_hash=abc'), { code: 'PARAMETER_LENGTH' })
  const many = ['aaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbb'].map((hash) => `info_hash=${hash}`).join('&')
  throws(() => parseScrapeQuery(many, 1), { code: 'HASHES_COUNT' })
})

test('any text parses as a query or raises DecodeError', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (tail) => {
      for (const parse of [parseAnnounceQuery, parseScrapeQuery]) {
        try {
          parse(`${announceQuery}&${tail}`)
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error
        }
      }
    }),
  )
})

test('reads the response of BEP 7', () => {
  const answer = decodeAnnounceResponse(
    utf8('d8:intervali1800e5:peers6:iiiipp6:peers618:iiiiiiiiiiiiiiiippe'),
    { peersMax },
  )
  const port = 0x7070
  deepEqual(answer.ok && answer.value, {
    intervalS: 1800,
    peers: [
      { host: '105.105.105.105', port },
      { host: '6969:6969:6969:6969:6969:6969:6969:6969', port },
    ],
  })
})

test('reads and writes the scrape of BEP 48', () => {
  const text =
    'd5:filesd20:xxxxxxxxxxxxxxxxxxxxd8:completei11e10:downloadedi13772e10:incompletei19ee' +
    '20:yyyyyyyyyyyyyyyyyyyyd8:completei21e10:downloadedi206e10:incompletei20eeee'
  const hashes = [fromHex('78'.repeat(20)), fromHex('79'.repeat(20))]
  const answer = decodeScrapeResponse(utf8(text), hashes)
  const x = { complete: 11, downloaded: 13772, incomplete: 19 }
  const y = { complete: 21, downloaded: 206, incomplete: 20 }
  deepEqual(answer.ok && [...answer.value], [
    ['78'.repeat(20), x],
    ['79'.repeat(20), y],
  ])
  const swarms = [
    { infoHash: hashes[0]!, figures: x },
    { infoHash: hashes[1]!, figures: y },
  ]
  deepEqual(encodeScrapeResponse(swarms), utf8(text))
  const limited = decodeScrapeResponse(utf8(text), hashes.slice(1))
  deepEqual(limited.ok && [...limited.value.values()], [y])
})

const full: AnnounceResponse = {
  intervalS: 1800,
  minIntervalS: 60,
  complete: 3,
  incomplete: 4,
  peers: [
    { host: '10.0.0.1', port: 6881 },
    { host: '2001:db8::1', port: 6882 },
  ],
  warning: 'moving house',
  trackerId: utf8('abc'),
  externalIp: '192.0.2.7',
}
test('compact and dictionary answers round trip, optional fields and both families', () => {
  for (const form of ['compact', 'dictionary'] as const) {
    const answer = decodeAnnounceResponse(encodeAnnounceResponse(full, form), { peersMax })
    deepEqual(answer.ok && answer.value, full)
  }
  const withId = { ...full, peers: [{ host: '10.0.0.1', port: 6881, peerId: utf8('-TW0100-abcdefghijkl') }] }
  const answer = decodeAnnounceResponse(encodeAnnounceResponse(withId, 'dictionary'), { peersMax })
  deepEqual(answer.ok && answer.value, withId)
})

test('an external address of 16 bytes is IPv6 (BEP 24); of any other length it is ignored', () => {
  const read = (length: number) => {
    const answer = decodeAnnounceResponse(encodeBencode({ 'external ip': new Uint8Array(length) }), {
      peersMax,
    })
    return answer.ok && answer.value.externalIp
  }
  deepEqual([read(4), read(16), read(5)], ['0.0.0.0', '::', undefined])
})

test('a failure is a value, with its time of retry (BEP 31)', () => {
  for (const retryInS of [undefined, 300, Number.POSITIVE_INFINITY]) {
    const failure = { reason: 'no such torrent', ...(retryInS === undefined ? {} : { retryInS }) }
    deepEqual(decodeAnnounceResponse(encodeFailure(failure), { peersMax }), { ok: false, failure })
    deepEqual(decodeScrapeResponse(encodeFailure(failure), []), { ok: false, failure })
  }
  const bep48 = decodeScrapeResponse(utf8('d14:failure_reason2:noe'), [])
  equal(!bep48.ok && bep48.failure.reason, 'no')
})

test('host names and port 0 are no peers, and lists end at their limit', () => {
  const peers = [
    { ip: 'intranet.example', port: 1 },
    { ip: '10.0.0.1', port: 0 },
    { ip: '10.0.0.2', port: 2 },
    { ip: '10.0.0.3', port: 3 },
  ]
  const read = (limit: number) => {
    const answer = decodeAnnounceResponse(encodeBencode({ peers }), { peersMax: limit })
    return answer.ok && answer.value.peers
  }
  deepEqual(read(3), [{ host: '10.0.0.2', port: 2 }])
  deepEqual(read(9), [
    { host: '10.0.0.2', port: 2 },
    { host: '10.0.0.3', port: 3 },
  ])
})

for (const [code, text] of [
  ['BENCODE_TRUNCATED', 'd8:intervali1800e5:peers600:e'],
  ['BENCODE_NOT_A_DICT', 'le'],
  ['BENCODE_TOO_DEEP', `d5:peers${'l'.repeat(40)}${'e'.repeat(41)}`],
  ['FIELD_TYPE', 'd8:interval4:soone'],
  ['FIELD_RANGE', 'd8:intervali-1ee'],
  ['FIELD_MISSING', 'd5:peersld4:porti1eeee'],
  ['PEERS_LENGTH', 'd5:peers7:1234567e'],
] as const) {
  test(`refuses an answer: ${code}`, () =>
    throws(() => decodeAnnounceResponse(utf8(text), { peersMax }), { name: 'DecodeError', code }))
}

test('any bytes decode as answers or raise DecodeError', () => {
  const seeds = [encodeAnnounceResponse(full, 'compact'), encodeAnnounceResponse(full, 'dictionary')]
  fc.assert(
    fc.property(
      fc.constantFrom(...seeds),
      fc.nat(150),
      fc.uint8Array({ maxLength: 20 }),
      (seed, cut, patch) => {
        const bytes = concatBytes(seed.subarray(0, cut), patch, seed.subarray(cut + patch.length))
        for (const decode of [
          () => decodeAnnounceResponse(bytes, { peersMax }),
          () => decodeScrapeResponse(bytes, [bytes.subarray(0, 20)]),
        ]) {
          try {
            decode()
          } catch (error) {
            if (!(error instanceof DecodeError)) throw error
          }
        }
      },
    ),
    { numRuns: 500 },
  )
})
