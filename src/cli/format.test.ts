// Goal: people read sizes and spans right, and wrong amounts are refused by code.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { formatBytes, formatSpan, parseWei } from './format.ts'

test('sizes and spans', () => {
  deepEqual([0, 1023, 1536, 10 * 2 ** 20, 5 * 2 ** 40].map(formatBytes), [
    '0 B',
    '1023 B',
    '1.50 KiB',
    '10.0 MiB',
    '5.00 TiB',
  ])
  deepEqual([0, 75_000, 3_700_000].map(formatSpan), ['0:00', '1:15', '1:01:40'])
  equal(formatSpan(Number.POSITIVE_INFINITY), '–')
})

test('amounts', () => {
  equal(parseWei('340282366920938463463374607431768211455'), 2n ** 128n - 1n)
  for (const bad of ['', '-1', '1.5', '1e18', ' 1', '0x10', '1'.repeat(40)]) {
    throws(() => parseWei(bad), { code: 'BAD_AMOUNT' })
  }
})
