// Goal: agree with BEP 15, 41, 23 and 7 byte for byte, and let no packet fail in an unnamed way.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, fromHex, utf8 } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { decodeCompactPeers, encodeCompactPeers } from './compact-peers.ts'
import { decodeUrlData, encodeUrlData } from './udp-options.ts'
import { decodeUdpRequest, encodeUdpRequest, UDP_REQUEST_LIMITS, type UdpRequest } from './udp-request.ts'
import { decodeUdpResponse, encodeUdpResponse, peekTransactionId, type UdpResponse } from './udp-response.ts'

const bytes = (hex: string) => fromHex(hex.replaceAll(' ', ''))
const infoHash = utf8('xxxxxxxxxxxxxxxxxxxx')
const peerId = utf8('-TW0100-abcdefghijkl')
const none = new Uint8Array()

// Laid out by hand from the tables of BEP 15.
const connectRequest = bytes('0000041727101980 00000000 deadbeef')
const announceRequest = bytes(
  `0123456789abcdef 00000001 deadbeef ${'78'.repeat(20)} 2d5457303130302d6162636465666768696a6b6c
   0000000000000001 0000000000000002 0000000000000003 00000002 00000000 cafebabe ffffffff 1ae1`.replace(
    /\s/g,
    '',
  ),
)
const scrapeRequest = bytes(`0123456789abcdef 00000002 deadbeef ${'78'.repeat(20)} ${'79'.repeat(20)}`)
const requests: [Uint8Array, UdpRequest][] = [
  [connectRequest, { action: 'connect', transactionId: 0xdeadbeef }],
  [
    announceRequest,
    {
      action: 'announce',
      connectionId: 0x0123456789abcdefn,
      transactionId: 0xdeadbeef,
      urlData: none,
      announce: {
        infoHash,
        peerId,
        downloaded: 1,
        left: 2,
        uploaded: 3,
        event: 'started',
        key: 0xcafebabe,
        port: 6881,
      },
    },
  ],
  [
    scrapeRequest,
    {
      action: 'scrape',
      connectionId: 0x0123456789abcdefn,
      transactionId: 0xdeadbeef,
      infoHashes: [infoHash, utf8('yyyyyyyyyyyyyyyyyyyy')],
    },
  ],
]
for (const [packet, value] of requests) {
  test(`${value.action} request agrees with the vector both ways`, () => {
    deepEqual(decodeUdpRequest(packet), value)
    deepEqual(encodeUdpRequest(value), packet)
  })
}

const address4 = bytes('0a000001 1ae1')
const address6 = bytes('20010db8000000000000000000000001 1ae1')
const responses: [Uint8Array, 4 | 16, UdpResponse][] = [
  [
    bytes('00000000 deadbeef 0123456789abcdef'),
    4,
    { action: 'connect', transactionId: 0xdeadbeef, connectionId: 0x0123456789abcdefn },
  ],
  ...(
    [
      [address4, 4, '10.0.0.1'],
      [address6, 16, '2001:db8::1'],
    ] as const
  ).map(([list, addressBytes, host]): [Uint8Array, 4 | 16, UdpResponse] => [
    concatBytes(bytes('00000001 deadbeef 00000708 00000002 00000003'), list),
    addressBytes,
    {
      action: 'announce',
      transactionId: 0xdeadbeef,
      announce: { intervalS: 1800, incomplete: 2, complete: 3, peers: [{ host, port: 6881 }] },
    },
  ]),
  [
    bytes('00000002 deadbeef 0000000b 000035cc 00000013'),
    4,
    {
      action: 'scrape',
      transactionId: 0xdeadbeef,
      figures: [{ complete: 11, downloaded: 13772, incomplete: 19 }],
    },
  ],
  [
    concatBytes(bytes('00000003 deadbeef'), utf8('not here')),
    4,
    { action: 'error', transactionId: 0xdeadbeef, reason: 'not here' },
  ],
]
for (const [packet, addressBytes, value] of responses) {
  test(`${value.action} response to ${addressBytes} address bytes agrees with the vector both ways`, () => {
    deepEqual(decodeUdpResponse(packet, addressBytes, { peersMax: 10 }), value)
    deepEqual(encodeUdpResponse(value, addressBytes), packet)
    equal(peekTransactionId(packet), 0xdeadbeef)
  })
}

test('options agree with the three examples of BEP 41', () => {
  const dir = bytes('020c 2f6469723f613d6226633d64')
  deepEqual(decodeUrlData(dir, 100), utf8('/dir?a=b&c=d'))
  deepEqual(encodeUrlData(utf8('/dir?a=b&c=d')), dir)
  deepEqual(decodeUrlData(concatBytes(dir, bytes('010100')), 100), utf8('/dir?a=b&c=d'))
  deepEqual(decodeUrlData(bytes('0200'), 100), none)
})

test('unknown options are skipped, long URL data is cut and joined, nothing counts after the end', () => {
  deepEqual(decodeUrlData(bytes('0302ffff 020161 0200 020162 00 020163'), 100), utf8('ab'))
  const long = new Uint8Array(600).fill(0x61)
  deepEqual(decodeUrlData(encodeUrlData(long), 600), long)
})

const patched = (packet: Uint8Array, offset: number, hex: string) => {
  const copy = packet.slice()
  copy.set(bytes(hex), offset)
  return copy
}
const badRequests: [string, Uint8Array][] = [
  ['TRUNCATED', connectRequest.subarray(0, 15)],
  ['TRUNCATED', announceRequest.subarray(0, 97)],
  ['PROTOCOL_ID', patched(connectRequest, 0, '01')],
  ['ACTION', patched(connectRequest, 8, '00000004')],
  ['EVENT', patched(announceRequest, 80, '00000005')],
  ['HASHES_LENGTH', scrapeRequest.subarray(0, 55)],
  ['HASHES_COUNT', concatBytes(scrapeRequest, new Uint8Array(73 * 20))],
  ['OPTION_TRUNCATED', concatBytes(announceRequest, bytes('02'))],
  ['OPTION_TRUNCATED', concatBytes(announceRequest, bytes('020361'))],
  [
    'URL_DATA_LENGTH',
    concatBytes(announceRequest, encodeUrlData(new Uint8Array(UDP_REQUEST_LIMITS.urlDataBytesMax + 1))),
  ],
]
for (const [code, packet] of badRequests) {
  test(`refuses a request: ${code}`, () =>
    throws(() => decodeUdpRequest(packet), { name: 'DecodeError', code }))
}
for (const [code, hex] of [
  ['TRUNCATED', '00000000 deadbe'],
  ['TRUNCATED', '00000000 deadbeef 01234567'],
  ['TRUNCATED', '00000001 deadbeef 00000708 00000002 0000'],
  ['ACTION', '00000004 deadbeef 00000000'],
] as const) {
  test(`refuses a response: ${code}`, () =>
    throws(() => decodeUdpResponse(bytes(hex), 4, { peersMax: 1 }), { name: 'DecodeError', code }))
}

test('counts beyond what a number holds are the greatest number, not a wrong one', () => {
  const request = decodeUdpRequest(patched(announceRequest, 64, 'ffffffffffffffff'))
  equal(request.action === 'announce' && request.announce.left, Number.MAX_SAFE_INTEGER)
})

test('a peer list is cut at its limit, without ports that cannot be dialled, and refused when ragged', () => {
  const list = concatBytes(bytes('7f000001 0000'), address4, address4)
  deepEqual(decodeCompactPeers(list, 4, 1), [{ host: '10.0.0.1', port: 6881 }])
  throws(() => decodeCompactPeers(list.subarray(1), 4, 9), { name: 'DecodeError', code: 'PEERS_LENGTH' })
  deepEqual(
    encodeCompactPeers(
      [
        { host: '10.0.0.1', port: 6881 },
        { host: '2001:db8::1', port: 6881 },
      ],
      16,
    ),
    address6,
  )
})

test('an error message cannot drive a terminal', () => {
  const packet = concatBytes(
    bytes('00000003 00000000'),
    utf8('no\u001b[2Jpe'),
    new Uint8Array(5000).fill(0x61),
  )
  const response = decodeUdpResponse(packet, 4, { peersMax: 0 })
  equal(response.action === 'error' && response.reason.slice(0, 8), 'no [2Jpe')
  equal(response.action === 'error' && response.reason.length, 256)
})

const decodesOrNames = (decode: () => unknown) => {
  try {
    decode()
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
  }
}
test('any bytes decode and encode back, or raise DecodeError', () => {
  const head = fc.constantFrom(connectRequest, announceRequest, scrapeRequest, none)
  fc.assert(
    fc.property(head, fc.nat(120), fc.uint8Array({ maxLength: 60 }), (start, cut, tail) => {
      const packet = concatBytes(start.subarray(0, cut), tail)
      decodesOrNames(() => {
        const request = decodeUdpRequest(packet)
        deepEqual(decodeUdpRequest(encodeUdpRequest(request)), request)
      })
      decodesOrNames(() => {
        const response = decodeUdpResponse(packet, 16, { peersMax: 3 })
        deepEqual(decodeUdpResponse(encodeUdpResponse(response, 16), 16, { peersMax: 3 }), response)
      })
    }),
    { numRuns: 500 },
  )
})
