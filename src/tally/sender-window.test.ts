// Goal: the window is within its bounds, grows by kept promises only, and waste neither earns nor robs.
import { equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SenderWindow, WINDOW_MAX_BYTES, WINDOW_MIN_BYTES } from './sender-window.ts'

const MIB = 2 ** 20
const LEAF = 16_384

test('a window starts at 1 MiB or two units and ends at 16 MiB or two units', () => {
  equal(new SenderWindow(LEAF).windowBytes, WINDOW_MIN_BYTES)
  equal(new SenderWindow(4 * MIB).windowBytes, 8 * MIB)
  equal(new SenderWindow(32 * MIB).windowBytes, 64 * MIB)
  const window = new SenderWindow(LEAF)
  for (let signed = 0; signed < 200 * MIB; signed += MIB) {
    window.sent(MIB)
    window.settle(signed + MIB, 0)
  }
  equal(window.windowBytes, WINDOW_MAX_BYTES)
  ok(window.maySend(16 * MIB))
  equal(window.maySend(16 * MIB + 1), false)
})

test('a promise kept for half a window makes it four times as large; small steps do not', () => {
  const window = new SenderWindow(LEAF)
  window.sent(MIB)
  equal(window.settle(MIB / 2 - 1, 0), false)
  equal(window.settle(MIB / 2, 0), true)
  equal(window.windowBytes, 4 * MIB)
  equal(window.settle(MIB, 0), false)
})

test('waste frees window but above 2 % and two units the sender chokes', () => {
  const window = new SenderWindow(LEAF)
  window.sent(MIB)
  equal(window.maySend(1), false)
  window.settle(0, 2 * LEAF)
  ok(window.maySend(2 * LEAF))
  const most = Math.floor(MIB * 0.02) + 2 * LEAF
  window.settle(0, most)
  ok(window.maySend(1))
  window.settle(0, most + 1)
  equal(window.maySend(1), false)
  ok(window.wasteful)
})

test('signed and wasted bytes only grow and never exceed what was sent; nothing outstanding exceeds the window', () => {
  const step = fc.record({ send: fc.nat(3 * MIB), signed: fc.nat(6 * MIB), waste: fc.nat(MIB) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const window = new SenderWindow(LEAF)
      let [sent, signed, waste] = [0, 0, 0]
      for (const step of steps) {
        if (window.maySend(step.send)) {
          window.sent((sent += step.send) && step.send)
          ok(sent - signed - waste <= window.windowBytes)
        }
        const fits = step.signed >= signed && step.waste >= waste && step.signed + step.waste <= sent
        equal(window.accepts(step.signed, step.waste), fits)
        if (!fits) continue
        window.settle(step.signed, step.waste)
        signed = step.signed
        waste = step.waste
      }
    }),
  )
})
