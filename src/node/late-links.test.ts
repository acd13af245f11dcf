// Goal: frames that come before a magnet's metadata are kept in order, bounded, and reach the real link.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { DecodeError } from '../base/errors.ts'
import type { TallyCarrier, TallyLink } from '../tally/link.ts'
import { createLateLinks } from './late-links.ts'

const connection = { transport: new Uint8Array(32), weDialled: true, label: 'peer' }

/** A link that writes down what reaches it. */
function recorder(refuses = false) {
  const frames: number[] = []
  const violations: string[] = []
  const carrier: TallyCarrier = {
    send() {},
    onAllowance() {},
    onViolation: (code) => violations.push(code),
  }
  const link = {
    receiveFrame(frame: Uint8Array) {
      if (refuses) throw new DecodeError('BAD_FRAME', 'no')
      frames.push(frame[0]!)
    },
    maySend: () => true,
    close() {},
  } as unknown as TallyLink
  return { carrier, frames, violations, factory: () => link }
}

test('early frames arrive in order, copies of what was received', () => {
  const { carrier, frames, factory } = recorder()
  const late = createLateLinks()
  const link = late.factory(carrier, connection)
  const reused = Uint8Array.of(1)
  link.receiveFrame(reused)
  reused[0] = 9
  link.receiveFrame(Uint8Array.of(2))
  equal(link.maySend(1), false)
  late.start(factory)
  link.receiveFrame(Uint8Array.of(3))
  deepEqual(frames, [1, 2, 3])
  equal(link.maySend(1), true)
})

test('a flood before the metadata ends the connection', () => {
  const link = createLateLinks().factory(recorder().carrier, connection)
  for (let i = 0; i < 16; i++) link.receiveFrame(Uint8Array.of(i))
  throws(() => link.receiveFrame(Uint8Array.of(0)), { code: 'EARLY_FRAMES' })
})

test('a bad early frame is a violation of that connection only', () => {
  const bad = recorder(true)
  const good = recorder()
  const late = createLateLinks()
  late.factory(bad.carrier, connection).receiveFrame(Uint8Array.of(1))
  late.factory(good.carrier, connection)
  late.start(bad.factory)
  deepEqual([bad.violations, good.violations], [['BAD_FRAME'], []])
})

test('a closed link stays closed', () => {
  const { carrier, frames, factory } = recorder()
  const late = createLateLinks()
  const link = late.factory(carrier, connection)
  link.receiveFrame(Uint8Array.of(1))
  link.close()
  late.start(factory)
  deepEqual(frames, [])
})
