// Goal: blocks become the fewest ranges, every payload byte is asked for once, and pads never are.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BLOCK_BYTES, type Layout } from '../content/layout.ts'
import { alignedLayout, packedLayout } from '../content/piece-space.ts'
import { planJobs } from './fetch-plan.ts'

const KIB = 1_024
const files = (...lengths: number[]) => lengths.map((length, i) => ({ path: `f${i}`, length }))

function allBlocks(layout: Layout): number[] {
  const triples: number[] = []
  for (let piece = 0; piece < layout.pieceCount; piece++) {
    const bytes = layout.pieceBytes(piece)
    for (let begin = 0; begin < bytes; begin += BLOCK_BYTES) {
      triples.push(piece, begin, Math.min(BLOCK_BYTES, bytes - begin))
    }
  }
  return triples
}
const plan = (layout: Layout, triples: number[]) =>
  planJobs(layout, Int32Array.from(triples), triples.length / 3)

test('neighbours are joined across pieces, a gap makes another job', () => {
  const layout = packedLayout(32 * KIB, files(200 * KIB))
  const triples = [1, 16_384, 16_384, 0, 16_384, 16_384, 1, 0, 16_384, 3, 0, 16_384]
  deepEqual(
    plan(layout, triples).map(({ requests }) => requests),
    [
      [{ file: 0, start: 16_384, end: 65_536, space: 16_384 }],
      [{ file: 0, start: 98_304, end: 114_688, space: 98_304 }],
    ],
  )
})

test('a block across files keeps its requests in one job; files on boundaries are jobs of their own', () => {
  const packed = packedLayout(32 * KIB, files(10_000, 5, 0, 30_000))
  const [job, ...rest] = plan(packed, allBlocks(packed))
  equal(rest.length, 0)
  deepEqual(
    job!.requests.map(({ file, start, end }) => [file, start, end]),
    [
      [0, 0, 10_000],
      [1, 0, 5],
      [3, 0, 30_000],
    ],
  )
  const aligned = alignedLayout(32 * KIB, files(10_000, 5, 0, 30_000))
  equal(plan(aligned, allBlocks(aligned)).length, 3)
})

test('whatever the files and the blocks, each payload byte is asked for exactly once', () => {
  const lengths = fc.array(fc.nat(70_000), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(lengths, fc.boolean(), fc.infiniteStream(fc.boolean()), (sizes, packs, choices) => {
      const layout = (packs ? packedLayout : alignedLayout)(32 * KIB, files(...sizes))
      const all = allBlocks(layout)
      const triples: number[] = []
      let payload = 0
      for (let i = 0; i < all.length; i += 3) {
        if (!choices.next().value) continue
        const [piece, begin, length] = all.slice(i, i + 3) as [number, number, number]
        triples.push(piece, begin, length)
        payload += layout.payloadBytesIn(piece, begin, length)
      }
      const asked = new Set<string>()
      let bytes = 0
      for (const { requests } of plan(layout, triples)) {
        for (const { file, start, end, space } of requests) {
          equal(layout.files[file]!.offset + start, space)
          ok(start < end && end <= layout.files[file]!.length)
          bytes += end - start
          asked.add(`${file}:${start}`)
        }
      }
      equal(bytes, payload)
      equal(asked.size, plan(layout, triples).flatMap(({ requests }) => requests).length)
    }),
  )
})
