// Goal: a run set is the set of its blocks, whatever the order they came in, and no layout counts a pad byte.
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DecodeError } from '../base/errors.ts'
import { Layout } from '../content/layout.ts'
import { BlockNumbering } from './block-numbering.ts'
import { decodeRunSet, decodeRuns, encodeRuns, RunSet } from './runs.ts'

const run = fc.record({ start: fc.nat(60), count: fc.integer({ min: 1, max: 9 }) })
const blocksOf = (runs: readonly { start: number; count: number }[]) =>
  new Set(runs.flatMap(({ start, count }) => Array.from({ length: count }, (_, i) => start + i)))

test('a run set behaves as a set of block numbers, its runs canonical', () => {
  fc.assert(
    fc.property(fc.array(run, { maxLength: 12 }), run, (added, probe) => {
      const set = new RunSet()
      for (const one of added) set.add(one)
      const blocks = blocksOf(added)
      deepEqual(blocksOf(set.runs()), new Set([...blocks].sort((a, b) => a - b)))
      let end = -1
      for (const { start, count } of set.runs()) {
        ok(start > end, 'ascending and not touching')
        end = start + count
      }
      const asked = [...blocksOf([probe])]
      equal(
        set.contains(probe),
        asked.every((block) => blocks.has(block)),
      )
      equal(
        set.intersects(probe),
        asked.some((block) => blocks.has(block)),
      )
      deepEqual(blocksOf(set.missing(probe)), new Set(asked.filter((block) => !blocks.has(block))))
      deepEqual(decodeRunSet(encodeRuns(set.runs())).digest(), set.digest())
    }),
  )
})

test('a run set is bounded: what would add a run too many is refused and changes nothing', () => {
  const set = new RunSet(2)
  ok(set.add({ start: 0, count: 1 }))
  ok(set.add({ start: 2, count: 1 }))
  equal(set.add({ start: 4, count: 1 }), false)
  ok(set.add({ start: 1, count: 1 }), 'one that joins others still fits')
  deepEqual(set.runs(), [{ start: 0, count: 3 }])
})

for (const [code, bytes] of Object.entries({
  RUNS_LENGTH: new Uint8Array(7),
  RUN_RANGE: new Uint8Array(8),
  TOO_MANY_RUNS: encodeRuns(Array.from({ length: 4 }, (_, i) => ({ start: 2 * i, count: 1 }))),
  RUNS_NOT_CANONICAL: encodeRuns([
    { start: 0, count: 2 },
    { start: 2, count: 1 },
  ]),
})) {
  test(`refuses ${code}`, () => throws(() => decodeRunSet(bytes, 3), { name: 'DecodeError', code }))
}

test('any bytes are runs that encode back, or raise DecodeError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        deepEqual(encodeRuns(decodeRuns(bytes)), bytes)
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error
      }
    }),
  )
})

// Three files: 20,000 bytes, none, 70,000 bytes; pieces of 32 KiB.
const lengths = [20_000, 0, 70_000]
const files = (offsets: number[]) =>
  lengths.map((length, index) => ({ index, path: `${index}`, length, offset: offsets[index]! }))
const hybrid = new Layout({ pieceLength: 32_768, files: files([0, 32_768, 32_768]), totalLength: 102_768 })
const v1 = new Layout({ pieceLength: 32_768, files: files([0, 20_000, 20_000]), totalLength: 90_000 })

test('v2 and hybrid shares number the leaves of each file in info order; padding has no number', () => {
  const numbering = new BlockNumbering({ layout: hybrid, version: 'hybrid' })
  equal(numbering.blockCount, 2 + 0 + 5)
  deepEqual(numbering.runs(0, 0, 32_768), [{ start: 0, count: 2 }])
  deepEqual(numbering.runs(0, 20_000, 12_768), [], 'all padding')
  deepEqual(numbering.runs(1, 0, 32_768), [{ start: 2, count: 2 }])
  deepEqual(numbering.runs(3, 0, 4464), [{ start: 6, count: 1 }])
  equal(hybrid.payloadBytesIn(0, 0, 32_768), 20_000)
  equal(numbering.payloadBytesOf([{ start: 0, count: 7 }]), 90_000)
  equal(numbering.payloadBytesOf([{ start: 1, count: 2 }]), 20_000 - 16_384 + 16_384)
  equal(numbering.payloadBytesOf([{ start: 6, count: 1000 }]), 70_000 - 4 * 16_384)
})

test('v1-only shares number 16 KiB steps inside each piece, across files', () => {
  const numbering = new BlockNumbering({ layout: v1, version: 'v1' })
  equal(numbering.blockCount, 6)
  deepEqual(numbering.runs(2, 16_384, 8080), [{ start: 5, count: 1 }])
  equal(numbering.payloadBytesOf([{ start: 0, count: 6 }]), 90_000)
  equal(numbering.payloadBytesOf([{ start: 5, count: 1 }]), 90_000 - 5 * 16_384)
  const set = new RunSet()
  for (const one of numbering.runs(0, 0, 32_768)) set.add(one)
  deepEqual(set.runs(), [{ start: 0, count: 2 }])
})

test('pieces shorter than 16 KiB and odd piece lengths have a number per step', () => {
  const odd = [{ index: 0, path: 'f', length: 50_000, offset: 0 }]
  const numbering = new BlockNumbering({
    layout: new Layout({ pieceLength: 20_000, files: odd, totalLength: 50_000 }),
    version: 'v1',
  })
  equal(numbering.blockCount, 6)
  equal(numbering.payloadBytesOf([{ start: 1, count: 1 }]), 20_000 - 16_384)
  equal(numbering.payloadBytesOf([{ start: 0, count: 6 }]), 50_000)
  deepEqual(numbering.runs(1, 0, 20_000), [{ start: 2, count: 2 }])
})

test('the payload of any blocks is what the layout says of their ranges', () => {
  for (const [layout, version] of [
    [hybrid, 'hybrid'],
    [v1, 'v1'],
  ] as const) {
    const numbering = new BlockNumbering({ layout, version })
    for (let piece = 0; piece < layout.pieceCount; piece++) {
      for (let begin = 0; begin < layout.pieceBytes(piece); begin += 16_384) {
        const length = Math.min(16_384, layout.pieceBytes(piece) - begin)
        const payload = layout.payloadBytesIn(piece, begin, length)
        const touched = new RunSet()
        for (const one of numbering.runs(piece, begin, length)) touched.add(one)
        equal(numbering.payloadBytesOf(touched.runs()), payload)
      }
    }
  }
})
