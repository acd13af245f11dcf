// Goal: rarest first, whatever order pieces and haves come and go in.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Bitfield } from './bitfield.ts'
import { PieceMap } from './piece-map.ts'

const create = (count: number) => new PieceMap(count, Bitfield.full(count), new Bitfield(count))
const never = () => false

test('picks the rarest first, and only what the source has and nobody refuses', () => {
  const map = create(4)
  for (const piece of [0, 1, 2, 3]) map.add(piece)
  for (const piece of [0, 0, 1, 2, 2, 3, 3, 3]) map.increase(piece)
  const all = Bitfield.full(4)
  equal(map.rarest(all, 0, never), 1)
  equal(
    map.rarest(all, 0.99, (piece) => piece === 1 || piece === 0),
    2,
  )
  const some = new Bitfield(4)
  some.set(3)
  equal(map.rarest(some, 0, never), 3)
  equal(map.rarest(new Bitfield(4), 0, never), -1)
})

test('equally rare pieces are told apart by chance', () => {
  const map = create(10)
  for (let piece = 0; piece < 10; piece++) map.add(piece)
  const picked = new Set(Array.from({ length: 10 }, (_, i) => map.rarest(Bitfield.full(10), i / 10, never)))
  equal(picked.size, 10)
})

test('any sequence of changes keeps the order by availability', () => {
  const change = fc.tuple(fc.constantFrom('add', 'remove', 'increase', 'decrease', 'verify'), fc.nat(11))
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
      const map = create(12)
      const available = new Array<number>(12).fill(0)
      const candidates = new Set<number>()
      for (const [kind, piece] of changes) {
        if (kind === 'increase') available[piece]!++
        if (kind === 'decrease' && available[piece] === 0) continue
        if (kind === 'decrease') available[piece]!--
        if ((kind === 'add' || kind === 'verify') && !map.isMissing(piece)) continue
        map[kind](piece)
        if (kind === 'add') candidates.add(piece)
        if (kind === 'remove' || kind === 'verify') candidates.delete(piece)
        equal(map.candidates, candidates.size)
        const best = map.rarest(Bitfield.full(12), 0.5, never)
        if (candidates.size === 0) equal(best, -1)
        else equal(available[best], Math.min(...[...candidates].map((one) => available[one]!)))
      }
      // Taken out one by one they come rarest first, and each once.
      const order: number[] = []
      while (map.candidates > 0) {
        const piece = map.rarest(Bitfield.full(12), 0.7, never)
        map.remove(piece)
        order.push(piece)
      }
      deepEqual(
        order.toSorted((a, b) => a - b),
        [...candidates].sort((a, b) => a - b),
      )
      for (let i = 1; i < order.length; i++) ok(available[order[i - 1]!]! <= available[order[i]!]!)
    }),
  )
})
