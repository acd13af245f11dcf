// Goal: each way of paying a seller badly is refused with its own code; what it kept survives; a closing
// channel is
// claimed in time; peers without vouchers are paid once, within the limits.
import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemRandom } from '../../base/io/system.ts'
import type { SellerTerms } from '../../tally/terms.ts'
import { channelIdOf, encodeAcceptance } from '../acceptance.ts'
import { domainSeparator } from '../eip712.ts'
import type { Network } from '../network.ts'
import { decodeQuote, encodeQuote } from '../quote.ts'
import type { Seller } from '../seller.ts'
import { encodeVoucher, type Voucher, voucherDigest } from '../voucher.ts'
import { owed } from '../wei.ts'
import { createBuyer } from './buyer.ts'
import { startTestChain, type TestChain, type TestPerson } from './fixture.ts'
import { createSeller } from './seller.ts'
import type { Wallet } from './wallet.ts'

const MIB = 1n << 20n
const PRICE = 1000n
const share = systemRandom.bytes(32)
const salt = systemRandom.bytes(32)
const tally = systemRandom.bytes(32)

let world: TestChain
let sellerParts: TestPerson
let payer: TestPerson
let seller: Seller
let channel: Uint8Array
before(async () => {
  world = await startTestChain()
  ;[sellerParts, payer] = [await world.person(), await world.person()]
  seller = await createSeller({ priceWeiPerMib: PRICE, uncoveredSessionsMax: 3 }, sellerParts)
  channel = channelIdOf(world.network, payer.wallet.address, salt)
  const allocations = [{ payee: seller.address, amountWei: 10n * PRICE }]
  await payer.settler.settle('open', {
    type: 'open',
    channelSalt: salt,
    depositWei: 10n * PRICE,
    allocations,
  })
})
after(async () => {
  await seller[Symbol.asyncDispose]()
  await sellerParts[Symbol.asyncDispose]()
  await payer[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

async function agreed(of = seller): Promise<{ terms: SellerTerms; lane: number }> {
  const terms = of.terms({ share })
  await terms.accepted(acceptance(terms.quoteDigest))
  while (terms.creditBytes(1 << 24) === 1 << 20) await sleep(5) // until the allocation was seen
  return { terms, lane: decodeQuote(terms.quote).lane }
}
const acceptance = (quote: Uint8Array) =>
  encodeAcceptance({ quote, payer: payer.wallet.address, salt, channel })

function pay(
  change: Partial<Voucher> & { lane: number },
  by: Wallet = payer.wallet,
  network: Network = world.network,
) {
  const voucher = { channel, payee: seller.address, cumulativeWei: PRICE, tally, ...change }
  return encodeVoucher({
    ...voucher,
    signature: by.signNow(voucherDigest(domainSeparator(network), voucher)),
  })
}

test('bad payments are refused, each with its code, and a good one is still taken afterwards', async () => {
  const { terms, lane } = await agreed()
  const refuses = (payment: Uint8Array, code: string, bytes = MIB) =>
    rejects(terms.credit(payment, tally, bytes), { code })
  await refuses(pay({ lane, cumulativeWei: PRICE - 1n }), 'VOUCHER_TOO_LOW')
  await refuses(pay({ lane: lane + 1 }), 'VOUCHER_WRONG_LANE')
  await refuses(pay({ lane, channel: systemRandom.bytes(32) }), 'VOUCHER_WRONG_CHANNEL')
  await refuses(pay({ lane, payee: payer.wallet.address }), 'VOUCHER_WRONG_PAYEE')
  await refuses(pay({ lane, tally: systemRandom.bytes(32) }), 'VOUCHER_WRONG_TALLY')
  await refuses(pay({ lane }, sellerParts.wallet), 'VOUCHER_WRONG_SIGNER')
  const otherChain = { ...world.network, genesis: systemRandom.bytes(32) }
  await refuses(pay({ lane }, payer.wallet, otherChain), 'VOUCHER_WRONG_SIGNER')
  await refuses(new Uint8Array(10), 'WRONG_LENGTH')
  const good = pay({ lane })
  await refuses(good.with(-1, 99), 'SIGNATURE_V')
  deepEqual(await terms.credit(good, tally, MIB), { paidBytes: MIB, paidWei: PRICE })
  await terms.credit(pay({ lane, cumulativeWei: 3n * PRICE }), tally, 3n * MIB)
  await refuses(pay({ lane, cumulativeWei: 2n * PRICE }), 'VOUCHER_ROLLED_BACK', 3n * MIB)
  await refuses(pay({ lane, cumulativeWei: 3n * PRICE }), 'VOUCHER_ROLLED_BACK', 2n * MIB)
  deepEqual(await terms.credit(pay({ lane, cumulativeWei: 3n * PRICE }), tally, 3n * MIB), {
    paidBytes: 3n * MIB,
    paidWei: 3n * PRICE,
  })
  terms.finished()
  await rejects(terms.credit(good, tally, MIB), { code: 'SESSION_ENDED' })
  equal(terms.creditBytes(1 << 20), 0)
})

test('promises above the allocation are not called paid, over all lanes together', async () => {
  const first = await agreed()
  const second = await agreed()
  const { paidBytes } = await first.terms.credit(
    pay({ lane: first.lane, cumulativeWei: 5n * PRICE }),
    tally,
    5n * MIB,
  )
  equal(paidBytes, 5n * MIB) // 3 of the test before, 5 here
  const { paidBytes: rest } = await second.terms.credit(
    pay({ lane: second.lane, cumulativeWei: 4n * PRICE }),
    tally,
    4n * MIB,
  )
  equal(rest, 2n * MIB)
  equal(second.terms.creditBytes(16 << 20), 0)
  first.terms.finished()
  second.terms.finished()
})

test("acceptances: another quote, another payer's channel, twice, before any voucher", async () => {
  const terms = seller.terms({ share })
  await rejects(terms.credit(pay({ lane: 0 }), tally, MIB), { code: 'VOUCHER_UNEXPECTED' })
  await rejects(terms.accepted(acceptance(systemRandom.bytes(32))), { code: 'ACCEPTANCE_WRONG_QUOTE' })
  const stolen = encodeAcceptance({
    quote: terms.quoteDigest,
    payer: sellerParts.wallet.address,
    salt,
    channel,
  })
  await rejects(terms.accepted(stolen), { code: 'WRONG_CHANNEL' })
  equal(terms.creditBytes(1 << 20), 0)
  await terms.accepted(acceptance(terms.quoteDigest))
  await rejects(terms.accepted(acceptance(terms.quoteDigest)), { code: 'ACCEPTANCE_TWICE' })
  terms.finished()
})

test('strangers take a few windows at one time, no more', async () => {
  const strangers = async () => {
    const terms = seller.terms({ share })
    const own = systemRandom.bytes(32)
    const theirs = channelIdOf(world.network, payer.wallet.address, own)
    await terms.accepted(
      encodeAcceptance({ quote: terms.quoteDigest, payer: payer.wallet.address, salt: own, channel: theirs }),
    )
    return terms
  }
  const open = [await strangers(), await strangers(), await strangers()]
  equal(open[0]!.creditBytes(1 << 24), 1 << 20)
  await rejects(strangers(), { code: 'TOO_MANY_UNCOVERED' })
  for (const terms of open) terms.finished()
  await sleep(0)
  ;(await strangers()).finished()
})

test('lanes are never given twice, also after a restart', async () => {
  const parts = await world.person()
  const lanes: number[] = []
  for (let restart = 0; restart < 3; restart++) {
    await using again = await createSeller({ priceWeiPerMib: PRICE }, parts)
    for (let i = 0; i < 3; i++) lanes.push(decodeQuote(again.terms({ share }).quote).lane)
  }
  equal(new Set(lanes).size, lanes.length)
  await parts[Symbol.asyncDispose]()
})

test('quotes: expired, changed or malformed ones are refused by the buyer', async () => {
  await using buyer = await createBuyer({ budgetWei: 10n ** 18n }, { ...payer, dir: await world.folder() })
  const judge = (quote: Uint8Array) =>
    buyer
      .purchase({ share, priceWeiPerMibMax: PRICE, spendWeiMax: 10n ** 18n })
      .terms()
      .judge(quote)
  const quote = decodeQuote(seller.terms({ share }).quote)
  const refuses = async (bytes: Uint8Array, reason: string) =>
    deepEqual(await judge(bytes), { ok: false, reason })
  await refuses(encodeQuote({ ...quote, priceWeiPerMib: 1n }), 'quote-bad-signature')
  await refuses(encodeQuote({ ...quote, signature: quote.signature.with(64, 3) }), 'quote-bad-signature')
  await refuses(encodeQuote({ ...quote, expiresS: 1 }), 'quote-expired')
  await refuses(encodeQuote({ ...quote, chainId: 1 }), 'quote-wrong-chain')
  await refuses(new Uint8Array(3), 'quote-malformed')
  ok((await judge(encodeQuote(quote))).ok)
})

test('a channel that begins to close is claimed at once, and served no more', async () => {
  await using parts = await world.person()
  await using own = await createSeller(
    { priceWeiPerMib: PRICE, claimIntervalMs: 200, claimThresholdWei: 10n ** 18n },
    parts,
  )
  const own1 = systemRandom.bytes(32)
  const id = channelIdOf(world.network, payer.wallet.address, own1)
  const allocations = [{ payee: own.address, amountWei: 10n * PRICE }]
  await payer.settler.settle('closing', {
    type: 'open',
    channelSalt: own1,
    depositWei: 10n * PRICE,
    allocations,
  })
  const terms = own.terms({ share })
  await terms.accepted(
    encodeAcceptance({ quote: terms.quoteDigest, payer: payer.wallet.address, salt: own1, channel: id }),
  )
  const { lane } = decodeQuote(terms.quote)
  await terms.credit(
    pay({ lane, channel: id, payee: own.address, cumulativeWei: 2n * PRICE }),
    tally,
    2n * MIB,
  )
  await payer.settler.settle('start-close', { type: 'start-close', channel: id })
  while (own.status().claimedWei === 0n) await sleep(20)
  equal(own.status().claimedWei, 2n * PRICE)
  equal(terms.creditBytes(1 << 20), 0)
})

test('peers without vouchers are paid in one batch, within the limits, once', async () => {
  const dir = await world.folder()
  const limits = { share, priceWeiPerMibMax: PRICE, spendWeiMax: 10n * PRICE }
  const [first, second] = [await world.person(), await world.person()]
  const payees = [first.wallet.address, second.wallet.address] as const
  const balances = () => Promise.all(payees.map((payee) => payer.driver.balance(payee)))
  const before = await balances()
  {
    await using buyer = await createBuyer({ budgetWei: 10n ** 18n }, { ...payer, dir })
    const purchase = buyer.purchase(limits)
    for (let i = 0; i < 8; i++)
      purchase.payVerified({ payee: payees[0], bytes: MIB / 4n, priceWeiPerMib: PRICE })
    deepEqual(purchase.payVerified({ payee: payees[1], bytes: 3n, priceWeiPerMib: PRICE * 99n }), {
      notedWei: 1n,
    })
    equal(
      purchase.payVerified({ payee: payees[1], bytes: 100n * MIB, priceWeiPerMib: PRICE }).notedWei,
      8n * PRICE - 1n,
    )
    equal(purchase.spentWei, 10n * PRICE)
  }
  // Restarted: what was noted is still owed.
  await using buyer = await createBuyer({ budgetWei: 10n ** 18n }, { ...payer, dir })
  equal(buyer.status().accruedWei, 10n * PRICE)
  const transactions = payer.settler.status().confirmed
  await buyer.settle()
  await buyer.settle()
  equal(payer.settler.status().confirmed, transactions + 1)
  deepEqual(await balances(), [before[0]! + 2n * PRICE, before[1]! + 8n * PRICE])
  equal(buyer.status().paidWithoutVouchersWei, 10n * PRICE)
  equal(
    buyer.purchase(limits).payVerified({ payee: payees[0], bytes: MIB, priceWeiPerMib: PRICE }).notedWei,
    0n,
  )
  await first[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
})

test('a buyer closes its channel and gets back what was not claimed', async () => {
  await using parts = await world.person()
  await using buyer = await createBuyer(
    { budgetWei: 10n ** 18n, allocationBytes: 4n * MIB, depositStepWei: 10n ** 17n },
    parts,
  )
  const terms = seller.terms({ share })
  const judged = await buyer
    .purchase({ share, priceWeiPerMibMax: PRICE, spendWeiMax: 10n ** 17n })
    .terms()
    .judge(terms.quote)
  ok(judged.ok)
  while (buyer.status().allocatedWei === 0n) await sleep(20)
  equal(buyer.status().depositWei, 10n ** 17n)
  equal(buyer.status().allocatedWei, owed(4n * MIB, PRICE))
  const before = await parts.driver.balance(buyer.address)
  await buyer.startClose()
  await world.pass(120, 300)
  await buyer.finishClose()
  ok((await parts.driver.balance(buyer.address)) > before + 10n ** 16n)
  equal(buyer.status().depositWei, 0n)
  throws(() => owed(-1n, 1n))
})
