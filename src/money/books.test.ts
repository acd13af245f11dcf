// Goal: the books add up under any order of records, shortened journals mean the same, and no rule of cover,
// plan or
// settlement can be talked into more than the chain backs or into a second payment.
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressOf } from './address.ts'
import { type CoverInput, paidBytes, servableBytes } from './cover.ts'
import type { Submission } from './driver.ts'
import { planAllocations } from './plan.ts'
import { nextStep, SettlementBook, type SettlementRecord } from './settlement.ts'
import { type BuyerRecord, SpendBook } from './spend-book.ts'
import { type SellerRecord, VoucherBook } from './voucher-book.ts'
import { owed } from './wei.ts'

const fill = (byte: number, length = 32) => new Uint8Array(length).fill(byte)
const payee = (n: number) => addressOf(fill(n, 20))
const amount = fc.bigInt({ min: 0n, max: 1_000_000n })

test('cover: a session never gets beyond what is allocated, or one window', () => {
  const input = fc.record({
    allocation: fc.option(
      fc.record({ amountWei: amount, claimedWei: fc.constant(0n), closing: fc.boolean() }),
      { nil: undefined },
    ),
    otherLanesWei: amount,
    priceWeiPerMib: fc.bigInt({ min: 1n, max: 5000n }),
    tallyBytes: fc.bigInt({ min: 0n, max: 1n << 32n }),
    mayUseFreeWindow: fc.boolean(),
    freeWindowBytes: fc.constantFrom(1 << 20, 1 << 24),
  })
  fc.assert(
    fc.property(input, fc.integer({ min: 0, max: 1 << 24 }), (cover: CoverInput, windowBytes) => {
      const paid = paidBytes(cover)
      const total = paid + BigInt(servableBytes(cover, paid, windowBytes))
      const left = (cover.allocation?.amountWei ?? 0n) - cover.otherLanesWei
      const free = cover.mayUseFreeWindow ? BigInt(cover.freeWindowBytes) : 0n
      ok(owed(total, cover.priceWeiPerMib) <= left || total <= free || total === paid)
      ok(owed(paid, cover.priceWeiPerMib) <= (left > 0n ? left : 0n))
      ok(total - paid <= BigInt(windowBytes))
      if (cover.allocation?.closing === true) equal(total, paid)
    }),
  )
})

test('plan: allocations stay within the deposit, the deposit within the budget, nobody is lowered', () => {
  const wanted = fc.array(fc.record({ payee: fc.nat(200).map(payee), amountWei: amount, presentWei: amount }))
  fc.assert(
    fc.property(wanted, amount, amount, amount, (wants, depositWei, budgetWei, depositStepWei) => {
      const allocatedWei = depositWei / 2n
      const plan = planAllocations({
        wanted: wants,
        depositWei,
        allocatedWei,
        depositWeiMax: budgetWei,
        depositStepWei,
      })
      const raised = plan.allocations.map(({ payee: to, amountWei }) => {
        const want = wants.find(
          (entry) => entry.payee === to && entry.amountWei >= amountWei && amountWei > entry.presentWei,
        )
        ok(want !== undefined)
        return amountWei - want.presentWei
      })
      ok(plan.topUpWei === 0n || depositWei + plan.topUpWei <= budgetWei)
      if (new Set(wants.map((want) => want.payee)).size < wants.length) return
      ok(raised.reduce((sum, raise) => sum + raise, allocatedWei) <= depositWei + plan.topUpWei)
    }),
  )
})

test('spend book: limits see every promise, and a shortened journal means the same', () => {
  const share = fc.constantFrom('a', 'b')
  const to = fc.nat(3).map((n) => payee(n + 1))
  const record: fc.Arbitrary<BuyerRecord> = fc.oneof(
    fc.record({
      type: fc.constant('promised' as const),
      share,
      payee: to,
      lane: fc.nat(3),
      amountWei: amount,
    }),
    fc.record({ type: fc.constant('accrued' as const), share, payee: to, amountWei: amount }),
    fc.record({ type: fc.constant('channel' as const), salt: fc.nat(255).map((byte) => fill(byte)) }),
  )
  const view = (book: SpendBook) => ({
    salt: book.salt,
    total: book.totalWei,
    paid: book.paidWei,
    accrued: book.accruedWei,
    shares: ['a', 'b'].map((name) => book.spentOn(name)),
    payees: [1, 2, 3, 4].map((n) => book.promisedTo(payee(n))),
    open: book.openBatches.map(({ batch, payments }) => ({ batch, payments })),
  })
  fc.assert(
    fc.property(
      fc.array(record),
      fc.array(record),
      fc.constantFrom('batch-paid', 'batch-failed', 'open'),
      (first, second, end) => {
        const book = new SpendBook()
        for (const entry of first) book.apply(entry)
        const payments = book.due(2)
        book.apply({ type: 'batch', batch: fill(1), payments })
        if (end !== 'open') book.apply({ type: end as 'batch-paid' | 'batch-failed', batch: fill(1) })
        // Lanes are not carried over: a shortened journal is only used where no lane is in use any more.
        for (const entry of second) if (entry.type !== 'promised') book.apply(entry)
        const again = new SpendBook()
        for (const entry of book.records()) again.apply(entry)
        deepEqual(view(again), view(book))
        const { total, shares } = view(book)
        equal(shares[0]! + shares[1]!, total)
      },
    ),
  )
})

test('voucher book: promised, claimed and retired lanes add up, also when shortened', () => {
  const channel = fill(7)
  const voucher = (lane: number, cumulativeWei: bigint): SellerRecord => ({
    type: 'voucher',
    atMs: lane,
    voucher: { channel, payee: payee(1), lane, cumulativeWei, tally: fill(0), signature: fill(0, 65) },
  })
  const book = new VoucherBook()
  const records: SellerRecord[] = [
    { type: 'lanes', below: 1024 },
    { type: 'covered', channel },
    voucher(1, 10n),
    voucher(2, 20n),
    voucher(1, 15n),
    { type: 'claimed', channel, lane: 1, amountWei: 15n },
  ]
  for (const record of records) book.apply(record)
  equal(book.promisedWei(channel), 35n)
  equal(book.promisedWei(channel, 2), 15n)
  deepEqual(
    book.unclaimed(channel, 9).map(({ lane }) => lane),
    [2],
  )
  deepEqual(
    book.retirable(channel, (lane) => lane === 1),
    [],
    'a live lane stays',
  )
  for (const record of book.retirable(channel, () => false)) book.apply(record)
  equal(book.promisedWei(channel), 35n)
  equal(book.best(channel, 1), undefined)
  const again = new VoucherBook()
  for (const record of book.records(0)) again.apply(record)
  deepEqual(again.records(0), book.records(0))
  equal(again.lanesBelow, 1024)
  throws(() => book.apply(voucher(2, 19n)), /a better voucher/)
})

test('voucher book: what nothing ever backed is forgotten after a week, when shortened', () => {
  const book = new VoucherBook()
  const channel = fill(8)
  book.apply({
    type: 'voucher',
    atMs: 0,
    voucher: { channel, payee: payee(1), lane: 1, cumulativeWei: 1n, tally: fill(0), signature: fill(0, 65) },
  })
  equal(book.records(0).length, 2)
  equal(book.records(8 * 86_400_000).length, 1)
})

const submission = (nonce: number, hash: string): Submission => ({ nonce, hash, raw: '0x' })
const intent: SettlementRecord = { type: 'intent', id: 'a', action: { type: 'withdraw' } }

test('settlement: each step leads to the next, and to no other', () => {
  const book = new SettlementBook()
  const step = (sentHash?: string, sentMsAgo = 0) => nextStep(book.next()!, { sentHash, sentMsAgo }, 100)
  throws(() => book.apply({ type: 'submitted', id: 'a', submission: submission(1, 'x') }), /is open/)
  book.apply(intent)
  throws(() => book.apply(intent), /is new/)
  deepEqual(step(), { do: 'prepare' })
  book.apply({ type: 'submitted', id: 'a', submission: submission(1, 'x') })
  deepEqual(step(), { do: 'send', submission: submission(1, 'x') })
  deepEqual(step('x'), { do: 'check' })
  deepEqual(step('x', 100), { do: 'prepare', replaces: submission(1, 'x') })
  throws(() => book.apply({ type: 'submitted', id: 'a', submission: submission(2, 'y') }), /one nonce/)
  book.apply({ type: 'submitted', id: 'a', submission: submission(1, 'y') })
  deepEqual(step('x', 100), { do: 'send', submission: submission(1, 'y') })
  book.apply({ type: 'replaced', id: 'a' })
  deepEqual(step('y'), { do: 'prepare' })
  book.apply({ type: 'submitted', id: 'a', submission: submission(3, 'z') })
  book.apply({ type: 'confirmed', id: 'a', hash: 'z', chainBlock: 1, feeWei: 7n })
  equal(book.next(), undefined)
  throws(() => book.apply({ type: 'replaced', id: 'a' }), /is open/)
  equal(book.feesWei, 7n)
  const again = new SettlementBook()
  for (const record of book.records()) again.apply(record)
  deepEqual(again.get('a'), book.get('a'))
  equal(again.feesWei, 7n)
})
