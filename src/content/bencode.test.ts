// Goal: read exactly what BEP 3 allows, write it back the same, and let no bytes fail in an unnamed way.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { utf8 } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import {
  type BencodeInput,
  type BencodeOptions,
  decodeBencode,
  decodeBencodeDict,
  decodeBencodePrefix,
  decodeBencodeSlices,
  encodeBencode,
  keyBytes,
  keyOf,
} from './bencode.ts'

const latin = (text: string) => keyBytes(text)

test("agrees with BEP 3's own examples both ways", () => {
  const vectors: [string, BencodeInput][] = [
    ['4:spam', utf8('spam')],
    ['0:', utf8('')],
    ['i3e', 3n],
    ['i-3e', -3n],
    ['i0e', 0n],
    ['i18446744073709551615e', 2n ** 64n - 1n],
    ['i-9223372036854775808e', -(2n ** 63n)],
    ['l4:spam4:eggse', [utf8('spam'), utf8('eggs')]],
    [
      'd3:cow3:moo4:spam4:eggse',
      new Map([
        ['cow', utf8('moo')],
        ['spam', utf8('eggs')],
      ]),
    ],
    ['d4:spaml1:a1:bee', new Map([['spam', [utf8('a'), utf8('b')]]])],
    [
      'd0:le1:\xffdee',
      new Map<string, BencodeInput>([
        ['', []],
        ['\xff', new Map()],
      ]),
    ],
  ]
  for (const [text, value] of vectors) {
    deepEqual(decodeBencode(latin(text)), value)
    deepEqual(encodeBencode(value), latin(text))
  }
})

test('encodes text, numbers and plain objects, sorted, absent values left out', () => {
  const value = { b: 1, a: 'é', c: undefined, 'a b': [true && 2n] }
  deepEqual(encodeBencode(value), latin('d1:a2:\xc3\xa93:a bli2ee1:bi1ee'))
  throws(() => encodeBencode(1.5), /assertion/)
  throws(() => encodeBencode({ ж: 1 }), /assertion/)
})

const refused: [string, string, BencodeOptions?][] = [
  ['BENCODE_TRUNCATED', ''],
  ['BENCODE_TRUNCATED', 'l'],
  ['BENCODE_TRUNCATED', 'd1:a'],
  ['BENCODE_TRUNCATED', 'i1'],
  ['BENCODE_TRUNCATED', 'i'],
  ['BENCODE_TRUNCATED', '5:spam'],
  ['BENCODE_TRUNCATED', '12'],
  ['BENCODE_TRUNCATED', '9007199254740991:'],
  ['BENCODE_TRAILING_BYTES', 'i1ei2e'],
  ['BENCODE_BAD_TOKEN', 'x'],
  ['BENCODE_BAD_TOKEN', '-1:a'],
  ['BENCODE_BAD_TOKEN', 'd1:ae'],
  ['BENCODE_BAD_INTEGER', 'ie'],
  ['BENCODE_BAD_INTEGER', 'i-e'],
  ['BENCODE_BAD_INTEGER', 'i-0e'],
  ['BENCODE_BAD_INTEGER', 'i03e'],
  ['BENCODE_BAD_INTEGER', 'i-03e'],
  ['BENCODE_BAD_INTEGER', 'i+3e'],
  ['BENCODE_BAD_INTEGER', 'i1.5e'],
  ['BENCODE_BAD_INTEGER', 'i 1e'],
  ['BENCODE_BAD_INTEGER', `i${'9'.repeat(22)}e`],
  ['BENCODE_BAD_LENGTH', '01:a'],
  ['BENCODE_BAD_LENGTH', '00:'],
  ['BENCODE_BAD_LENGTH', '1a:a'],
  ['BENCODE_BAD_LENGTH', `${'9'.repeat(17)}:a`],
  ['BENCODE_BAD_KEY', 'di1ei2ee'],
  ['BENCODE_UNSORTED_KEYS', 'd1:bi1e1:ai2ee'],
  ['BENCODE_UNSORTED_KEYS', 'd2:aai1e1:ai2ee'],
  ['BENCODE_DUPLICATE_KEY', 'd1:ai1e1:ai2ee'],
  ['BENCODE_DUPLICATE_KEY', 'd1:bi1e1:ai1e1:bi2ee', { lenientKeys: true }],
  ['BENCODE_TOO_LARGE', '4:spam', { bytesMax: 5 }],
  ['BENCODE_TOO_DEEP', 'lllleeee', { depthMax: 2 }],
  ['BENCODE_TOO_MANY_ITEMS', 'li1ei1ee', { itemsMax: 2 }],
]
for (const [code, text, options] of refused) {
  test(`refuses ${code}: ${text.slice(0, 20)}`, () =>
    throws(() => decodeBencode(latin(text), options), { name: 'DecodeError', code }))
}

test('bombs are refused by the default limits', () => {
  throws(() => decodeBencode(latin('l'.repeat(500_000))), { code: 'BENCODE_TOO_DEEP' })
  throws(() => decodeBencode(latin('d0:'.repeat(300_000))), { code: 'BENCODE_TOO_DEEP' })
  throws(() => decodeBencode(latin(`l${'le'.repeat(500_000)}e`)), { code: 'BENCODE_TOO_MANY_ITEMS' })
  const wide = { bytesMax: 2 ** 30, itemsMax: 10_000_000 }
  for (const unit of ['le', 'de', '0:', 'i1e', 'd0:0:e']) {
    throws(() => decodeBencode(latin(`l${unit.repeat(100_000)}e`), wide), { code: 'BENCODE_TOO_MANY_ITEMS' })
  }
  throws(() => decodeBencode(new Uint8Array(2 ** 20 + 1)), { code: 'BENCODE_TOO_LARGE' })
})

test('unsorted keys pass only when asked for', () => {
  const dict = decodeBencodeDict(latin('d1:bi1e1:ai2ee'), { lenientKeys: true })
  deepEqual(
    [...dict],
    [
      ['b', 1n],
      ['a', 2n],
    ],
  )
  throws(() => decodeBencodeDict(latin('le')), { code: 'BENCODE_NOT_A_DICT' })
})

test('tells where a prefix ended, and what bytes stand under a key', () => {
  deepEqual(decodeBencodePrefix(latin('d1:ai1eeREST')), { value: new Map([['a', 1n]]), end: 8 })
  const { slices } = decodeBencodeSlices(latin('d1:ad1:xlee4:infod1:bi0eee'))
  deepEqual(
    slices,
    new Map([
      ['a', latin('d1:xlee')],
      ['info', latin('d1:bi0ee')],
    ]),
  )
  throws(() => decodeBencodeSlices(latin('4:info')), { code: 'BENCODE_NOT_A_DICT' })
  throws(() => decodeBencodeSlices(latin('dei1e')), { code: 'BENCODE_TRAILING_BYTES' })
})

test('gives plain views whatever kind of array came in', () => {
  const [name] = decodeBencode(Buffer.from('l4:spame')) as Uint8Array[]
  equal(Object.getPrototypeOf(name), Uint8Array.prototype)
})

const values = fc.letrec<{ value: BencodeInput }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.uint8Array({ maxLength: 20 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(fc.uint8Array({ maxLength: 3 }).map(keyOf), tie('value')), { maxLength: 4 })
      .map((entries) => new Map([...new Map(entries)].sort(([a], [b]) => (a < b ? -1 : 1)))),
  ),
})).value

test('every value comes back', () => {
  fc.assert(fc.property(values, (value) => deepEqual(decodeBencode(encodeBencode(value)), value)))
})

test('any bytes decode and encode back, or raise DecodeError', () => {
  const token = fc.constantFrom('d', 'l', 'e', 'i1e', 'i-0e', '1:a', '1:b', '0:', '2:a', ':', '9', 'i')
  const bytes = fc.oneof(
    fc.array(token, { maxLength: 12 }).map((t) => latin(t.join(''))),
    fc.uint8Array(),
  )
  fc.assert(
    fc.property(bytes, (input) => {
      try {
        deepEqual(encodeBencode(decodeBencode(input)), input)
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error
      }
    }),
    { numRuns: 1000 },
  )
})
