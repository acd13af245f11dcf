/**
 * Amounts of the chain's coin: `bigint` in wei everywhere, decimal text at the edge only.
 *
 * Source: design section 5. A price is wei per MiB (2^20 bytes) and is always applied to a running total of
 * bytes, never per voucher, so that rounding cannot add up.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import type { Brand } from '../base/brand.ts'
import { DecodeError } from '../base/errors.ts'

/** A non-negative amount in the smallest unit, at most 2^128 - 1: what a voucher can carry. */
export type Wei = Brand<bigint, 'Wei'>

export const WEI_MAX = (1n << 128n) - 1n
const MIB_BYTES = 1n << 20n
const COIN_DECIMALS = 18

/** @throws {DecodeError<'BAD_AMOUNT'>} when it is negative or over 2^128 - 1. */
export function wei(amount: bigint): Wei {
  if (amount < 0n || amount > WEI_MAX)
    throw new DecodeError('BAD_AMOUNT', 'expected an amount of 0 to 2^128 - 1')
  return amount as Wei
}

/** What a running total of bytes costs. Rounds up: the seller never gives a byte away. */
export function owed(totalBytes: bigint, priceWeiPerMib: bigint): Wei {
  assert(totalBytes >= 0n && priceWeiPerMib >= 0n, 'bytes and price are not negative')
  return wei((totalBytes * priceWeiPerMib + MIB_BYTES - 1n) / MIB_BYTES)
}

/** The most bytes whose price is within `amountWei` (rounds down). A price of zero covers `bytesMax`. */
export function bytesCovered(amountWei: bigint, priceWeiPerMib: bigint, bytesMax: bigint): bigint {
  if (priceWeiPerMib === 0n) return bytesMax
  const covered = (amountWei * MIB_BYTES) / priceWeiPerMib
  return covered < bytesMax ? covered : bytesMax
}

/** Wei of decimal coins, such as `1.5`. @throws {DecodeError<'BAD_AMOUNT'>} */
export function parseCoins(text: string): Wei {
  const match = /^(\d{1,21})(?:\.(\d{1,18}))?$/.exec(text)
  if (match === null)
    throw new DecodeError('BAD_AMOUNT', `expected a decimal amount of coins, got ${text.slice(0, 60)}`)
  return wei(BigInt(match[1]! + (match[2] ?? '').padEnd(COIN_DECIMALS, '0')))
}

/** Decimal coins, exact, without trailing zeros. */
export function formatCoins(amount: bigint): string {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(COIN_DECIMALS + 1, '0')
  const fraction = digits.slice(-COIN_DECIMALS).replace(/0+$/, '')
  return `${amount < 0n ? '-' : ''}${digits.slice(0, -COIN_DECIMALS)}${fraction === '' ? '' : `.${fraction}`}`
}

/** The smaller of two amounts (`Math.min` and `Math.max` take no bigint). */
export function lesser(a: bigint, b: bigint): bigint {
  if (a < b) return a
  return b
}

/** The larger of two amounts. */
export function greater(a: bigint, b: bigint): bigint {
  if (a > b) return a
  return b
}
