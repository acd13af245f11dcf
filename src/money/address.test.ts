// Goal: agree with EIP-55's own vectors, and take no address with a typing error.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressBytes, addressOf, parseAddress } from './address.ts'

/** EIP-55, "Test Cases". */
const VECTORS = [
  '0x52908400098527886E0F7030069857D2E4169EE7',
  '0xde709f2102306220921060314715629080e2fb77',
  '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
  '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
  '0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB',
  '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb',
]

test('agrees with the vectors, from lower case too', () => {
  for (const vector of VECTORS) {
    equal(parseAddress(vector), vector)
    equal(parseAddress(vector.toLowerCase()), vector)
  }
})

test('refuses a wrong checksum and other text', () => {
  const swapped = VECTORS[2]!.replace('5aA', '5Aa')
  throws(() => parseAddress(swapped), { name: 'DecodeError', code: 'BAD_CHECKSUM' })
  throws(() => parseAddress(VECTORS[3]!.toUpperCase().replace('0X', '0x')), { code: 'BAD_CHECKSUM' })
  for (const text of ['', '0x', VECTORS[2]!.slice(0, -1), `${VECTORS[2]}0`, VECTORS[2]!.replace('A', 'g')]) {
    throws(() => parseAddress(text), { name: 'DecodeError', code: 'BAD_ADDRESS' })
  }
})

test('bytes and text agree', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) => {
      deepEqual(addressBytes(parseAddress(addressOf(bytes))), bytes)
    }),
  )
})
