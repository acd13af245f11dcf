// Goal: never more at once than allowed, in order, with nothing lost to errors or aborts.
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { Gate } from './gate.ts'

test('runs so many at once, the rest in order, through errors and aborts', async () => {
  const gate = new Gate(2)
  const never = new AbortController().signal
  const leaving = new AbortController()
  const started: number[] = []
  const ends = new Map<number, PromiseWithResolvers<void>>()
  const run = (id: number, signal = never) =>
    gate.run(() => {
      started.push(id)
      const end = Promise.withResolvers<void>()
      ends.set(id, end)
      return end.promise
    }, signal)
  const runs = [run(1), run(2), run(3, leaving.signal), run(4), run(5)]
  deepEqual(started, [1, 2])
  leaving.abort(new Error('left'))
  await rejects(runs[2]!, { message: 'left' })
  ends.get(1)!.reject(new Error('broke'))
  await rejects(runs[0]!, { message: 'broke' })
  await Promise.resolve()
  deepEqual(started, [1, 2, 4])
  ends.get(2)!.resolve()
  ends.get(4)!.resolve()
  await Promise.all([runs[1], runs[3]])
  deepEqual(started, [1, 2, 4, 5])
  ends.get(5)!.resolve()
  await runs[4]
  const late = run(6)
  equal(started.at(-1), 6)
  ends.get(6)!.resolve()
  await late
  await rejects(run(7, AbortSignal.abort(new Error('gone'))), { message: 'gone' })
})
