// Goal: what is owed never falls below the price and never gains a wei by splitting; text and wei agree
// exactly.
import { equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesCovered, formatCoins, owed, parseCoins, WEI_MAX, wei } from './wei.ts'

const bytes = fc.bigInt({ min: 0n, max: 1n << 50n })
const price = fc.bigInt({ min: 1n, max: 10n ** 20n })

test('owed rounds up, on the running total', () => {
  equal(owed(1n << 20n, 7n), 7n)
  equal(owed(1n, 7n), 1n)
  equal(owed(0n, 7n), 0n)
  equal(owed((1n << 20n) + 1n, 7n), 8n)
  fc.assert(
    fc.property(bytes, price, (total, rate) => {
      const due = owed(total, rate) * (1n << 20n)
      ok(due >= total * rate && due < total * rate + (1n << 20n))
    }),
  )
})

test('what an amount covers costs no more than it', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), price, (amount, rate) => {
      const covered = bytesCovered(amount, rate, 1n << 60n)
      ok(owed(covered, rate) <= amount)
    }),
  )
  equal(bytesCovered(1n, 0n, 99n), 99n)
})

test('coins as text', () => {
  equal(parseCoins('1.5'), 1_500_000_000_000_000_000n)
  equal(parseCoins('0.000000000000000001'), 1n)
  equal(formatCoins(1_500_000_000_000_000_000n), '1.5')
  for (const text of ['', '-1', '1.', '.5', '1e3', '0x10', '1.0000000000000000001', ' 1', '9'.repeat(22)]) {
    throws(() => parseCoins(text), { name: 'DecodeError', code: 'BAD_AMOUNT' })
  }
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: WEI_MAX }), (amount) =>
      equal(parseCoins(formatCoins(amount)), amount),
    ),
  )
})

test('amounts outside a voucher are refused', () => {
  throws(() => wei(-1n), { code: 'BAD_AMOUNT' })
  throws(() => wei(WEI_MAX + 1n), { code: 'BAD_AMOUNT' })
})
