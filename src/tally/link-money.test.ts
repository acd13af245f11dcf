// Goal: a priced sender is paid with every tally, and never sends more than its terms give credit for.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { CodedError } from '../base/errors.ts'
import type { TallyLinkParts } from './link-settings.ts'
import { decodeOpen } from './open.ts'
import { BLOCK, createPair, PIECE_BYTES, pour } from './pair.fixture.ts'
import type { BuyerTerms, SellerTerms } from './terms.ts'

const MIB = 2 ** 20

// Money: a price of one wei a byte, paid by saying the total; what a channel does behind the same terms.
const PRICE = 1n
const QUOTE = Uint8Array.of(1, 2, 3)
const digestOfQuote = new Uint8Array(32).fill(6)

function seller(credit: (windowBytes: number) => number, finished: string[] = []): SellerTerms {
  let paidBytes = 0n
  return {
    quote: QUOTE,
    quoteDigest: digestOfQuote,
    accepted: async () => undefined,
    async credit(payment, _digest, tallyBytes) {
      const said = BigInt(new TextDecoder().decode(payment))
      if (said < tallyBytes * PRICE) throw new CodedError('VOUCHER_TOO_LOW', 'pays for less than it signs')
      paidBytes = said / PRICE
      return { paidBytes, paidWei: said }
    },
    creditBytes: credit,
    finished: () => finished.push('seller'),
  }
}

function buyer(pays: (total: bigint) => bigint): BuyerTerms {
  return {
    judge: async (quote) =>
      quote.length === 3
        ? { ok: true, quoteDigest: digestOfQuote, acceptance: Uint8Array.of(9), priceWeiPerMib: PRICE }
        : { ok: false, reason: 'strange quote' },
    async pay(_digest, tallyBytes) {
      const totalWei = pays(tallyBytes)
      return { payment: new TextEncoder().encode(`${totalWei}`), totalWei }
    },
    finished: () => undefined,
  }
}
const trade = (
  sells: SellerTerms,
  buys?: BuyerTerms,
): { alice: Partial<TallyLinkParts>; bob: Partial<TallyLinkParts> } => ({
  alice: { sellerTerms: () => sells },
  bob: buys === undefined ? {} : { buyerTerms: () => buys },
})

test('a priced seller is paid with every tally, and the Open names the quote', async () => {
  const finished: string[] = []
  const terms = trade(
    seller((window) => window, finished),
    buyer((total) => total * PRICE),
  )
  await using pair = await createPair({ bytes: 8 * MIB, ...terms })
  await pair.deliver(pair.alice, pair.bob, 8 * MIB)
  await pair.bob.link.finish()
  await pair.settled()
  deepEqual(pair.violations, [])
  equal(pair.alice.link.state.paidInWei, BigInt(8 * MIB))
  equal(pair.bob.link.state.paidOutWei, BigInt(8 * MIB))
  const [claim] = pair.alice.table.sessions()
  deepEqual(decodeOpen(claim!.open).quote, digestOfQuote)
  equal(new TextDecoder().decode(claim?.newest?.payment), `${8 * MIB}`)
  pair.alice.link.close()
  await pair.settled()
  deepEqual(finished, ['seller'])
})

test('nothing is sent before the quote is accepted, nor to who declines it', async () => {
  await using pair = await createPair({ bytes: 8 * MIB, ...trade(seller((window) => window)) })
  await pair.settled()
  equal(pair.alice.link.maySend(BLOCK), false)
  await pair.settled()
  equal(pair.alice.link.maySend(BLOCK), false)
  ok(pair.bob.sent.some((frame) => frame.type === 'answer' && !frame.accepted))
})

test('unpaid bytes never exceed the credit of the terms', async () => {
  const terms = trade(
    seller(() => 3 * BLOCK),
    buyer((total) => total * PRICE),
  )
  await using pair = await createPair({ bytes: 8 * MIB, ...terms })
  await pair.settled()
  pair.alice.link.maySend(BLOCK)
  await pair.settled()
  equal(pour(pair.alice, 8 * MIB), 3 * BLOCK)
  pair.bob.link.verified(0, 0, 3 * BLOCK, 3 * BLOCK)
  pair.bob.link.tick(0)
  await pair.settled()
  equal(pour(pair.alice, 8 * MIB, 3 * BLOCK), 3 * BLOCK)
})

test('a payment that is too low ends the connection, but the tally it came with is kept', async () => {
  const terms = trade(
    seller((window) => window),
    buyer((total) => total / 2n),
  )
  await using pair = await createPair({ bytes: 8 * MIB, ...terms })
  await pair.deliver(pair.alice, pair.bob, MIB)
  await pair.settled()
  equal(pair.violations[0]?.code, 'VOUCHER_TOO_LOW')
  ok((pair.alice.table.sessions()[0]?.newest?.bytes ?? 0n) > 0n)
})

test('a buyer whose wallet fails still signs, and is choked', async () => {
  const broke = buyer(() => {
    throw new CodedError('CHANNEL_EMPTY', 'no money left')
  })
  await using pair = await createPair({
    bytes: 8 * MIB,
    ...trade(
      seller(() => MIB),
      broke,
    ),
  })
  await pair.settled()
  pair.alice.link.maySend(BLOCK)
  await pair.settled()
  equal(pour(pair.alice, 8 * MIB), MIB)
  for (let piece = 0; piece < 4; piece++) pair.bob.link.verified(piece, 0, PIECE_BYTES, PIECE_BYTES)
  await pair.settled()
  deepEqual(pair.violations, [])
  equal(pair.alice.link.state.tallyInBytes, MIB)
  equal(pair.alice.link.maySend(BLOCK), false)
})

test('cover that grows on chain, with no frame of the buyer, lets the seller go on', async () => {
  let coveredBytes = 0
  const terms = trade(
    seller(() => coveredBytes),
    buyer((total) => total * PRICE),
  )
  await using pair = await createPair({ bytes: 8 * MIB, ...terms })
  pair.alice.link.maySend(BLOCK)
  await pair.settled()
  pair.alice.allowance = Promise.withResolvers<void>()
  equal(pair.alice.link.maySend(BLOCK), false)
  coveredBytes = MIB
  await pair.alice.allowance.promise
  equal(pair.alice.link.maySend(BLOCK), true)
})
