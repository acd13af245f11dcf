// Goal: a receiver signs as often as the design says, no more, and never loses what it verified.
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { ReceiverSigner, SIGN_AT_BYTES } from './receiver-signer.ts'

const MIB = 2 ** 20
const run = (start: number) => [{ start, count: 1 }]

test('signs at half a window or 4 MiB, whichever is less', () => {
  const signer = new ReceiverSigner()
  signer.verified(run(0), MIB / 2 - 1)
  equal(signer.dueInMs(1000), undefined)
  signer.verified(run(1), 1)
  equal(signer.dueInMs(1000), 0)
  signer.windowBytes = 16 * MIB
  equal(signer.dueInMs(1000), undefined)
  signer.verified(run(2), SIGN_AT_BYTES - MIB / 2)
  equal(signer.dueInMs(1000), 0)
})

test('a sender that names no window to speak of does not make us sign for every block', () => {
  const signer = new ReceiverSigner()
  signer.windowBytes = 0
  signer.verified(run(0), 16_384)
  equal(signer.dueInMs(1000), undefined)
})

test('tallies are at least 10 ms apart', () => {
  const signer = new ReceiverSigner()
  signer.verified(run(0), MIB)
  deepEqual(signer.take(1000), { bytes: MIB, waste: 0, added: run(0) })
  signer.verified(run(1), MIB)
  equal(signer.dueInMs(1004), 6)
  equal(signer.dueInMs(1010), 0)
})

test('signs when idle and when asked, but answers at most ten times a second', () => {
  const signer = new ReceiverSigner()
  signer.hurry()
  equal(signer.dueInMs(0), undefined, 'nothing to sign for')
  signer.verified(run(0), 16_384)
  signer.asked(1000)
  equal(signer.dueInMs(1000), 0)
  signer.take(1000)
  let answers = 0
  for (let nowMs = 1001; nowMs < 2001; nowMs++) {
    signer.verified(run(nowMs), 1)
    signer.asked(nowMs)
    if (signer.dueInMs(nowMs) !== 0) continue
    answers++
    signer.take(nowMs)
  }
  equal(answers <= 10, true)
})

test('waste is declared when there is nothing to sign', () => {
  const signer = new ReceiverSigner()
  signer.wasted(500)
  signer.hurry()
  equal(signer.dueInMs(0), 0)
  equal(signer.settled, true)
  deepEqual(signer.take(0), { bytes: 0, waste: 500, added: [] })
  signer.hurry()
  equal(signer.dueInMs(100), undefined)
})

test('many small runs are reason enough to sign', () => {
  const signer = new ReceiverSigner()
  for (let i = 0; i < 256; i++) signer.verified(run(2 * i), 1)
  equal(signer.dueInMs(0), 0)
})

test('what does not fit the record is not signed for', () => {
  const signer = new ReceiverSigner(2)
  for (let i = 0; i < 5; i++) signer.verified(run(2 * i), 100)
  equal(signer.verifiedBytes, 200)
  equal(signer.blocks.runCount, 2)
})
