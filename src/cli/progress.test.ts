// Goal: the lines fit the terminal, the bar never overflows, and the per-source split is there.
import { equal, match, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bar, createProgress, type ProgressSnapshot, progressLines } from './progress.ts'

const source = { protocol: 'http', label: 'http://x/', verifiedBytes: 3, bytesPerS: 1, attached: true }
const half: ProgressSnapshot = {
  name: 'x',
  doneBytes: 512,
  totalBytes: 1024,
  bytesPerS: 256,
  state: 'running',
  sources: [source, { ...source, label: 'gone', attached: false }],
}

test('shows share, speed, ETA and sources', () => {
  const [head, first, second] = progressLines(half, 200)
  match(head!, /50\.0%.*512 B of 1\.00 KiB.*256 B\/s.*ETA 0:02/)
  match(first!, /http .*http:\/\/x\//)
  match(second!, /gone$/)
})

test('a terminal without a size is drawn on; what is no terminal gets plain lines', () => {
  const drawnOn = (stream: { isTTY: boolean; columns?: number }) => {
    let text = ''
    createProgress({ ...stream, write: (more) => (text += more) }, () => 0).update(half)
    return text
  }
  match(drawnOn({ isTTY: true, columns: 0 }), /50\.0%/)
  equal(drawnOn({ isTTY: false }), 'x: 50.0% 256 B/s from 1 sources\n')
})

test('many sources are cut to a few rows', () => {
  const rows = progressLines({ ...half, sources: Array.from({ length: 50 }, () => source) }, 200)
  equal(rows.length, 10)
  match(rows.at(-1)!, /42 more/)
})

test('any numbers give lines that fit', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.integer({ min: 10, max: 200 }), (done, total, columns) => {
      ok(
        progressLines({ ...half, doneBytes: done, totalBytes: total }, columns).every(
          (l) => l.length <= columns,
        ),
      )
    }),
  )
  fc.assert(fc.property(fc.double({ noNaN: true }), (fraction) => equal(bar(fraction, 10).length, 12)))
})
