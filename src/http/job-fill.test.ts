// Goal: bytes land where the transfer wants them however they are cut, and what it does not want is dropped
// and counted.
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BLOCK_BYTES, Layout } from '../content/layout.ts'
import { packedLayout } from '../content/piece-space.ts'
import type { SourcePort } from '../transfer/source.ts'
import { type Block, planJobs } from './fetch-plan.ts'
import { JobFill } from './job-fill.ts'

/** A port whose arena is piece space itself, and which may refuse blocks. */
function recordingPort(layout: Layout, refuses: (piece: number, begin: number) => boolean = () => false) {
  const arena = new Uint8Array(layout.pieceCount * layout.pieceLength).fill(0xee)
  const received: Block[] = []
  const released: Block[] = []
  const port = {
    arena,
    place: (piece: number, begin: number) =>
      refuses(piece, begin) ? -1 : piece * layout.pieceLength + begin,
    received: (piece: number, begin: number, length: number) => void received.push({ piece, begin, length }),
    release: (piece: number, begin: number, length: number) => void released.push({ piece, begin, length }),
  }
  return { port: port as unknown as SourcePort, arena, received, released }
}

const layout = packedLayout(32_768, [{ path: 'f', length: 65_000 }])
const data = Uint8Array.from({ length: 65_000 }, (_, i) => i % 251)
const triples = Int32Array.from([0, 0, 16_384, 0, 16_384, 16_384, 1, 0, 16_384, 1, 16_384, 15_848])
const [job] = planJobs(layout, triples, 4)

test('any cut of the bytes fills the same blocks', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 40 }), (sizes) => {
      const { port, arena, received } = recordingPort(layout)
      let dropped = 0
      const fill = new JobFill(job!, {
        layout,
        port,
        onReceived: () => undefined,
        onDropped: (n) => (dropped += n),
      })
      let at = 0
      for (const size of [...sizes, data.length]) {
        fill.write(at, data.subarray(at, at + size))
        at = Math.min(data.length, at + size)
      }
      deepEqual(arena.subarray(0, data.length), data)
      deepEqual([received.length, dropped, fill.wanted], [4, 0, false])
    }),
    { numRuns: 40 },
  )
})

test('cancelled and refused blocks are counted, half ones are given back', () => {
  const { port, received, released } = recordingPort(layout, (piece, begin) => piece === 1 && begin === 0)
  let dropped = 0
  const fill = new JobFill(job!, {
    layout,
    port,
    onReceived: () => undefined,
    onDropped: (n) => (dropped += n),
  })
  fill.write(0, data.subarray(0, 10_000))
  fill.cancel(0, 0) // 10,000 bytes of it came for nothing, and so will the rest
  fill.write(10_000, data.subarray(10_000, 55_000))
  equal(dropped, 2 * BLOCK_BYTES)
  deepEqual(
    received.map(({ piece, begin }) => [piece, begin]),
    [[0, 16_384]],
  )
  fill.release()
  deepEqual(
    released.map(({ piece, begin }) => [piece, begin]),
    [[1, 16_384]],
  )
  equal(dropped, 2 * BLOCK_BYTES + 55_000 - 49_152)
  fill.write(55_000, data.subarray(55_000))
  equal(received.length, 1)
  equal(fill.wanted, false)
})

test('pad bytes are zeros in the arena, and a block of nothing else is there at once', () => {
  const padded = new Layout({
    pieceLength: 65_536,
    files: [
      { index: 0, path: 'a', length: 10, offset: 0 },
      { index: 1, path: 'b', length: 5, offset: 50_000 },
    ],
    totalLength: 50_005,
  })
  const all = Int32Array.from([0, 0, 16_384, 0, 16_384, 16_384, 0, 32_768, 16_384, 0, 49_152, 853])
  const { port, arena, received } = recordingPort(padded)
  const parts = { layout: padded, port, onReceived: () => undefined, onDropped: () => undefined }
  for (const each of planJobs(padded, all, 4)) {
    const fill = new JobFill(each, parts)
    for (const { space, start, end } of each.requests) fill.write(space, new Uint8Array(end - start).fill(7))
  }
  equal(received.length, 4)
  const expected = new Uint8Array(50_005)
  expected.fill(7, 0, 10).fill(7, 50_000)
  deepEqual(arena.subarray(0, 50_005), expected)
})
