// Goal: read Range as RFC 9110 says, refuse what only costs us, and never yield a range outside the file.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  formatContentRange,
  multipartHeads,
  OVERLAPS_MAX,
  parseContentRange,
  parseRange,
  RANGES_MAX,
} from './ranges.ts'

const one = (start: number, end: number) => ({ kind: 'ranges', ranges: [{ start, end }] })
const whole = { kind: 'whole' }
const outside = { kind: 'unsatisfiable', code: 'RANGE_NOT_SATISFIABLE' }
const excessive = { kind: 'unsatisfiable', code: 'RANGE_EXCESSIVE' }

// The examples of RFC 9110 section 14.1.2 (10,000 bytes) first, then the edges.
const table: readonly (readonly [string | undefined, number, unknown])[] = [
  ['bytes=0-499', 10_000, one(0, 500)],
  ['bytes=500-999', 10_000, one(500, 1_000)],
  ['bytes=-500', 10_000, one(9_500, 10_000)],
  ['bytes=9500-', 10_000, one(9_500, 10_000)],
  ['bytes=0-0,-1', 10_000, { kind: 'ranges', ranges: [...one(0, 1).ranges, ...one(9_999, 10_000).ranges] }],
  [
    'bytes= 0-999, 4500-5499, -1000',
    10_000,
    {
      kind: 'ranges',
      ranges: [
        { start: 0, end: 1_000 },
        { start: 4_500, end: 5_500 },
        { start: 9_000, end: 10_000 },
      ],
    },
  ],
  [
    'bytes=500-600,601-999',
    10_000,
    {
      kind: 'ranges',
      ranges: [
        { start: 500, end: 601 },
        { start: 601, end: 1_000 },
      ],
    },
  ],
  [undefined, 10, whole],
  ['', 10, whole],
  ['items=0-1', 10, whole],
  ['bytes', 10, whole],
  ['bytes=', 10, whole],
  ['bytes=,', 10, whole],
  ['bytes=abc', 10, whole],
  ['bytes=5-4', 10, whole],
  ['bytes=1-2,x', 10, whole],
  ['bytes=--1', 10, whole],
  ['bytes=0x1-2', 10, whole],
  ['BYTES=0-1', 10, one(0, 2)],
  ['bytes=0-1,,', 10, one(0, 2)],
  ['bytes=0-99', 10, one(0, 10)],
  ['bytes=9-9', 10, one(9, 10)],
  ['bytes=10-', 10, outside],
  ['bytes=10-20', 10, outside],
  ['bytes=-0', 10, outside],
  ['bytes=-99', 10, one(0, 10)],
  ['bytes=99-,2-3', 10, one(2, 4)],
  ['bytes=0-9999999999999999999', 10, one(0, 10)],
  ['bytes=9999999999999999999-', 10, outside],
  ['bytes=0-', 0, outside],
  ['bytes=-5', 0, whole],
  [
    `bytes=${Array.from({ length: RANGES_MAX + 1 }, (_, i) => `${2 * i}-${2 * i}`).join(',')}`,
    100,
    excessive,
  ],
  [
    `bytes=${Array(OVERLAPS_MAX + 2)
      .fill('0-')
      .join(',')}`,
    100,
    excessive,
  ],
]
for (const [header, length, expected] of table) {
  test(`${String(header).slice(0, 40)} of ${length}`, () => deepEqual(parseRange(header, length), expected))
}

test('whatever the header says, ranges lie in the file and their sum is bounded', () => {
  const number = fc.oneof(fc.nat(200).map(String), fc.constantFrom('', '-1', '99999999999999999999', ' '))
  const spec = fc.tuple(number, fc.constantFrom('-', '', '--'), number).map((parts) => parts.join(''))
  const header = fc.oneof(
    fc.string(),
    fc.array(spec, { maxLength: 24 }).map((specs) => `bytes=${specs.join(',')}`),
  )
  fc.assert(
    fc.property(header, fc.nat(150), (text, length) => {
      const outcome = parseRange(text, length)
      if (outcome.kind !== 'ranges') return
      ok(outcome.ranges.length <= RANGES_MAX)
      for (const { start, end } of outcome.ranges) ok(0 <= start && start < end && end <= length)
      const sum = outcome.ranges.reduce((bytes, { start, end }) => bytes + end - start, 0)
      ok(sum <= length * (OVERLAPS_MAX + 1))
    }),
  )
})

test('Content-Range goes both ways and nonsense is none', () => {
  equal(formatContentRange({ start: 42, end: 1_234 }, 1_234), 'bytes 42-1233/1234')
  deepEqual(parseContentRange('bytes 42-1233/1234'), { start: 42, end: 1_234, length: 1_234 })
  deepEqual(parseContentRange('bytes 42-1233/*'), { start: 42, end: 1_234, length: undefined })
  for (const bad of [
    undefined,
    '',
    'bytes */1234',
    'bytes 5-4/10',
    'bytes 0-10/10',
    'bytes 0-1/2, 0-1/2',
    'x',
  ]) {
    equal(parseContentRange(bad), undefined)
  }
})

test('multipart heads are framed as RFC 9110 section 14.6 shows', () => {
  const ranges = [
    { start: 500, end: 1_000 },
    { start: 7_000, end: 8_000 },
  ]
  const body = { boundary: 'THIS_STRING_SEPARATES', contentType: 'application/pdf', length: 8_000 }
  const { heads, tail } = multipartHeads(ranges, body)
  equal(
    heads.join('<data>') + tail,
    '--THIS_STRING_SEPARATES\r\nContent-Type: application/pdf\r\nContent-Range: bytes 500-999/8000\r\n\r\n<data>' +
      '\r\n--THIS_STRING_SEPARATES\r\nContent-Type: application/pdf\r\nContent-Range: bytes 7000-7999/8000\r\n\r\n' +
      '\r\n--THIS_STRING_SEPARATES--\r\n',
  )
})
