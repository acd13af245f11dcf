// Goal: a seller and a buyer who trust each other with one window only, from quote to coins, on a real chain.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemRandom } from '../../base/io/system.ts'
import type { BuyerTerms, SellerTerms } from '../../tally/terms.ts'
import { parseAddress } from '../address.ts'
import type { Buyer } from '../buyer.ts'
import type { Seller } from '../seller.ts'
import { lesser, owed } from '../wei.ts'
import { startDevChain } from './anvil.ts'
import { createBuyer } from './buyer.ts'
import { connectEvm } from './evm/chain.ts'
import { cuttableWay, startTestChain, type TestChain } from './fixture.ts'
import { createSeller } from './seller.ts'

const MIB = 1n << 20n
const PRICE = 1_000_000_007n // odd, so that rounding shows
const share = systemRandom.bytes(32)

let world: TestChain
before(async () => {
  world = await startTestChain()
})
after(() => world[Symbol.asyncDispose]())

type Deal = { seller: SellerTerms; buyer: BuyerTerms; sent: bigint; paid: bigint }
async function deal(
  seller: Seller,
  buyer: Buyer,
  spendWeiMax = 10n ** 18n,
  unitBytes = 16_384,
): Promise<Deal> {
  const sellerTerms = seller.terms({ share, unitBytes })
  const buyerTerms = buyer.purchase({ share, priceWeiPerMibMax: PRICE, spendWeiMax }).terms()
  const judged = await buyerTerms.judge(sellerTerms.quote)
  ok(judged.ok)
  deepEqual(judged.quoteDigest, sellerTerms.quoteDigest)
  await sellerTerms.accepted(judged.acceptance)
  return { seller: sellerTerms, buyer: buyerTerms, sent: 0n, paid: 0n }
}

/**
 * What two links do: serve within the credit, sign, credit. Returns the bytes moved over the session so far.
 */
async function transfer(session: Deal, totalBytes: bigint, stallsMax = 3_000): Promise<bigint> {
  const { seller, buyer } = session
  for (let idle = 0; session.sent < totalBytes && idle < stallsMax; ) {
    const allowed = session.paid + BigInt(seller.creditBytes(1 << 20)) - session.sent
    if (allowed <= 0n) {
      idle++
      await sleep(20)
      continue
    }
    idle = 0
    session.sent += lesser(allowed, totalBytes - session.sent)
    const tally = systemRandom.bytes(32)
    const { payment } = await buyer.pay(tally, session.sent)
    session.paid = (await seller.credit(payment, tally, session.sent)).paidBytes
  }
  return session.sent
}

test('a download is paid for exactly, claimed and withdrawn', async () => {
  await using sellerParts = await world.person()
  await using buyerParts = await world.person()
  await using seller = await createSeller({ priceWeiPerMib: PRICE }, sellerParts)
  await using buyer = await createBuyer({ budgetWei: 10n ** 18n, allocationBytes: 4n * MIB }, buyerParts)
  const total = 20n * MIB + 12_345n
  const before = await sellerParts.driver.balance(seller.address)
  const agreed = await deal(seller, buyer)
  equal(await transfer(agreed, total), total)
  agreed.seller.finished()
  agreed.buyer.finished()
  const due = (total * PRICE + MIB - 1n) / MIB
  equal(seller.status().unclaimedWei, due)
  equal(buyer.status().spentWei, due)
  await seller.settle()
  const fees = sellerParts.settler.status().feesWei
  equal((await sellerParts.driver.balance(seller.address)) - before + fees, due)
  equal(seller.status().unclaimedWei, 0n)
  await seller.settle() // nothing left: no second transaction
  equal(sellerParts.settler.status().confirmed, 1)
})

test('one seller does not lock what the others could earn', async () => {
  await using buyerParts = await world.person()
  const total = 60n * MIB
  await using buyer = await createBuyer({ budgetWei: owed(total, PRICE) }, buyerParts)
  await using stack = new AsyncDisposableStack()
  const deals: Deal[] = []
  for (let i = 0; i < 3; i++) {
    const seller = stack.use(await createSeller({ priceWeiPerMib: PRICE }, stack.use(await world.person())))
    deals.push(await deal(seller, buyer))
  }
  const moved = await Promise.all(deals.map((agreed) => transfer(agreed, 16n * MIB)))
  deepEqual(moved, Array(3).fill(16n * MIB))
})

test('many sellers share few transactions, and sessions of one channel share its allocation', async () => {
  await using buyerParts = await world.person()
  const settings = { budgetWei: 10n ** 18n, allocationBytes: 8n * MIB, allocateDelayMs: 200 }
  await using buyer = await createBuyer(settings, buyerParts)
  await using stack = new AsyncDisposableStack()
  const deals: Deal[] = []
  for (let i = 0; i < 4; i++) {
    const seller = stack.use(await createSeller({ priceWeiPerMib: PRICE }, stack.use(await world.person())))
    deals.push(await deal(seller, buyer), await deal(seller, buyer))
  }
  const moved = await Promise.all(deals.map((agreed) => transfer(agreed, 3n * MIB)))
  deepEqual(moved, Array(8).fill(3n * MIB))
  ok(buyerParts.settler.status().confirmed < deals.length)
})

test('a limit that is exactly the price pays for the last byte, in units of large pieces', async () => {
  await using sellerParts = await world.person()
  await using buyerParts = await world.person()
  await using seller = await createSeller({ priceWeiPerMib: PRICE }, sellerParts)
  const total = 21n * MIB + 77n
  await using buyer = await createBuyer({ budgetWei: owed(total, PRICE), allocationBytes: MIB }, buyerParts)
  const unit = 4n * MIB
  const agreed = await deal(seller, buyer, owed(total, PRICE), Number(unit))
  // Nothing can be signed for before a whole piece is there: each must fit what the seller will serve.
  for (let sent = 0n; sent < total; sent += unit) {
    const piece = lesser(unit, total - sent)
    for (let tries = 0; BigInt(agreed.seller.creditBytes(Number(2n * unit))) < piece && tries < 3000; tries++)
      await sleep(20)
    ok(BigInt(agreed.seller.creditBytes(Number(2n * unit))) >= piece, `stuck at ${sent}`)
    const tally = systemRandom.bytes(32)
    const { payment } = await agreed.buyer.pay(tally, sent + piece)
    await agreed.seller.credit(payment, tally, sent + piece)
  }
  await seller.settle()
  equal(seller.status().claimedWei, owed(total, PRICE))
})

test('without an allocation a seller serves one window, then waits', async () => {
  await using sellerParts = await world.person()
  await using buyerParts = await world.person()
  await using seller = await createSeller({ priceWeiPerMib: PRICE }, sellerParts)
  // A budget of one window's price: judged fine, promised, but the chain backs no more.
  await using buyer = await createBuyer(
    { budgetWei: PRICE * 3n, allocationBytes: MIB, allocateDelayMs: 60_000 },
    buyerParts,
  )
  const agreed = await deal(seller, buyer)
  equal(
    agreed.seller.creditBytes(16 << 20),
    1 << 20,
    'a grown window does not matter before the chain backs it',
  )
  equal(await transfer(agreed, 3n * MIB, 20), MIB)
  const second = await deal(seller, buyer)
  equal(second.seller.creditBytes(1 << 20), 0, 'one free window a channel, not one a session')
})

test('limits hold: the download, the budget, the price', async () => {
  await using sellerParts = await world.person()
  await using buyerParts = await world.person()
  await using seller = await createSeller({ priceWeiPerMib: PRICE }, sellerParts)
  await using buyer = await createBuyer({ budgetWei: PRICE * 5n }, buyerParts)
  const small = await deal(seller, buyer, PRICE * 2n)
  await rejects(small.buyer.pay(systemRandom.bytes(32), 3n * MIB), { code: 'SPEND_LIMIT' })
  await small.buyer.pay(systemRandom.bytes(32), 2n * MIB)
  const exhausted = buyer.purchase({ share, priceWeiPerMibMax: PRICE, spendWeiMax: PRICE * 2n })
  deepEqual(await exhausted.terms().judge(seller.terms({ share }).quote), {
    ok: false,
    reason: 'spend-limit',
  })
  const other = buyer.purchase({
    share: systemRandom.bytes(32),
    priceWeiPerMibMax: PRICE,
    spendWeiMax: 10n ** 18n,
  })
  deepEqual(await other.terms().judge(seller.terms({ share }).quote), {
    ok: false,
    reason: 'quote-wrong-share',
  })
  const cheap = buyer.purchase({ share, priceWeiPerMibMax: PRICE - 1n, spendWeiMax: 10n ** 18n })
  deepEqual(await cheap.terms().judge(seller.terms({ share }).quote), {
    ok: false,
    reason: 'quote-price-too-high',
  })
})

test('while the chain is down a seller serves what it last saw allocated, and settles when it is back', async () => {
  await using way = await cuttableWay(world.chain.url)
  await using sellerParts = await world.person({ url: way.url })
  await using buyerParts = await world.person({ url: way.url })
  await using seller = await createSeller({ priceWeiPerMib: PRICE }, sellerParts)
  await using buyer = await createBuyer({ budgetWei: 10n ** 18n, allocationBytes: 4n * MIB }, buyerParts)
  const agreed = await deal(seller, buyer)
  while (agreed.seller.creditBytes(16 << 20) !== 4 << 20) await sleep(10)
  way.mode = 'cut'
  equal(await transfer(agreed, 9n * MIB, 20), 4n * MIB, 'all of the allocation, and nothing beyond it')
  await using newcomer = await createBuyer(
    { budgetWei: 10n ** 18n },
    { ...buyerParts, dir: await world.folder() },
  )
  const stranger = await deal(seller, newcomer)
  equal(await transfer(stranger, 9n * MIB, 20), MIB, 'a channel never seen: one window')
  const settled = seller.settle()
  way.mode = 'up'
  await settled
  equal(await transfer(agreed, 9n * MIB), 9n * MIB)
  await seller.settle()
  ok(seller.status().claimedWei >= 9n * PRICE)
})

test('the embedded chain keeps its state and genesis across restarts', async () => {
  const dir = await world.folder()
  const address = parseAddress('0x00000000000000000000000000000000000000aa')
  let genesis: Uint8Array
  {
    await using chain = await startDevChain({ dir })
    await chain.fund(address, 5n)
    await chain.rpc('anvil_mine', ['0x1'])
    genesis = (await connectEvm(chain)).genesis
  }
  await using chain = await startDevChain({ dir })
  const again = await connectEvm({ url: chain.url, genesis })
  equal(await again.client.getBalance({ address }), 5n)
})
