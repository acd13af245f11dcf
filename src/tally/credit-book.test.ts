// Goal: what reports do to balances: each is credited once, to the cap, and no attack the design names gains anything.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { capBytes, heldAccount, memberAccount } from './credit.ts'
import { CreditBook } from './credit-book.ts'
import { createMembers, type Member, MIB, PAYLOAD } from './report.fixture.ts'
import type { Report } from './report.ts'
import { RunSet } from './runs.ts'
import { verifyReport } from './verify.ts'

const { context, alice, bob, carol, report } = await createMembers()

async function record(book: CreditBook, of: Report, payloadBytes = PAYLOAD) {
  const verdict = await verifyReport(of, context)
  ok(verdict.ok)
  const decision = book.record(of, verdict, { payloadBytes, grants: 1 })
  equal(book.sum(), 0n, 'double entry')
  return decision
}
const up = (book: CreditBook, who: Member) => book.balance(memberAccount(who.id))

test('erased debit: an old or lower tally takes nothing back; only the difference is credited', async () => {
  const book = new CreditBook()
  equal((await record(book, await report(3 * MIB))).kind, 'credited')
  equal((await record(book, await report(MIB))).kind, 'unchanged')
  equal((await record(book, await report(3 * MIB))).kind, 'unchanged')
  equal(up(book, alice), BigInt(3 * MIB))
  await record(book, await report(5 * MIB))
  equal(up(book, alice), BigInt(5 * MIB))
  equal(up(book, bob), BigInt(-5 * MIB))
})

test('epoch: the same session reported in every epoch is credited once', async () => {
  const book = new CreditBook()
  const honest = await report(MIB)
  for (let day = 0; day < 8; day++) {
    const verdict = await verifyReport(honest, { ...context, nowS: context.nowS + day * 86_400 })
    if (verdict.ok) book.record(honest, verdict, { payloadBytes: PAYLOAD, grants: 1 })
  }
  equal(up(book, alice), BigInt(MIB))
})

test('sock puppet: a receiver that signs everything to its puppet first cannot rob an honest sender', async () => {
  const book = new CreditBook()
  const puppet = carol
  await record(book, await report(PAYLOAD, { sender: puppet }))
  const cap = capBytes(PAYLOAD, 1)
  const honest = await record(book, await report(PAYLOAD))
  ok(honest.kind === 'credited')
  const left = cap - BigInt(PAYLOAD)
  equal(honest.creditedBytes, left, 'what the cap still covers is credited at once')
  equal(honest.heldBytes, BigInt(PAYLOAD) - left, 'the rest is held, not lost')
  equal(up(book, bob), BigInt(-2 * PAYLOAD), 'and the receiver pays for both')
  book.release('alice')
  equal(up(book, alice), BigInt(PAYLOAD))
  equal(book.balance(heldAccount('alice')), 0n)
  equal(book.sum(), 0n)
})

test('equivocation: same bytes, other blocks: the first stays and both signed tallies are kept', async () => {
  const book = new CreditBook()
  const first = await report(MIB)
  const other = new RunSet()
  other.add({ start: 9, count: 64 })
  const { runs: _, ...second } = await report(MIB, { tally: { blocks: other.digest() } })
  await record(book, first)
  equal((await record(book, second)).kind, 'equivocation')
  equal(up(book, alice), BigInt(MIB))
  deepEqual(book.equivocations, [{ first, other: second }])
})
