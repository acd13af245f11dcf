// Goal: failures are retried with growing pauses, bounded in number, and hopeless ones are not retried.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { CodedError } from '../base/errors.ts'
import { FailurePolicy } from './failure-policy.ts'

const settings = { failuresMax: 5, backoffMs: { first: 100, max: 500 } }
const broken = new CodedError('CONNECTION_BROKEN', 'broken')

test('pauses double up to their bound, with jitter between half and all; then it ends', () => {
  const waits = (fraction: number) => {
    const policy = new FailurePolicy(settings)
    return Array.from({ length: 5 }, () => policy.decide(broken, undefined, fraction))
  }
  const ms = (decisions: ReturnType<typeof waits>) =>
    decisions.map((one) => (one.kind === 'wait' ? one.ms : one))
  const end = { kind: 'end', code: 'CONNECTION_BROKEN' }
  deepEqual(ms(waits(0)), [50, 100, 200, 250, end])
  for (const [i, wait] of ms(waits(0.999)).slice(0, 4).entries())
    ok((wait as number) <= [100, 200, 400, 500][i]!)
})

test('a success starts the count again', () => {
  const policy = new FailurePolicy(settings)
  for (let i = 0; i < 20; i++) {
    equal(policy.decide(broken, undefined, 0).kind, 'wait')
    policy.succeeded()
  }
  deepEqual(policy.counts, { CONNECTION_BROKEN: 20 })
})

test('what the server says decides: missing, wait, never', () => {
  const policy = new FailurePolicy(settings)
  const refused = (remedy: 'later' | 'missing' | 'choked' | 'never', retryAfterMs?: number) => {
    const refusal = { ok: false, code: 'X', remedy, retryAfterMs } as const
    return policy.decide(new CodedError('X', 'x'), refusal, 0)
  }
  deepEqual(refused('missing'), { kind: 'missing' })
  deepEqual(refused('later', 7_000), { kind: 'wait', ms: 7_000 })
  deepEqual(refused('choked', 1_000), { kind: 'wait', ms: 1_000 })
  deepEqual(refused('never'), { kind: 'end', code: 'X' })
  for (let i = 0; i < 50; i++) equal(refused('choked').kind, 'wait', 'choking is no failure')
  deepEqual(policy.decide(new CodedError('ADDRESS_REFUSED', 'x'), undefined, 0), {
    kind: 'end',
    code: 'ADDRESS_REFUSED',
  })
})

test('codes that a server makes up are counted within bounds', () => {
  const policy = new FailurePolicy({ ...settings, failuresMax: 10_000 })
  for (let i = 0; i < 1_000; i++) policy.decide(new CodedError(`HTTP_${i}`, 'x'), undefined, 0)
  equal(Object.keys(policy.counts).length, 64)
})
