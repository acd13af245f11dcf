// Goal: quotes, vouchers and acceptances agree with viem's EIP-712 and with their byte tables; any bytes
// decode or
// raise DecodeError; a quote that is expired, of another chain or too dear is refused.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeAbiParameters, hashTypedData, keccak256 } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { fromHex, toHex } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { recoverAddressBytes, signDigest } from '../crypto/secp256k1.ts'
import { type Acceptance, channelIdOf, decodeAcceptance, encodeAcceptance } from './acceptance.ts'
import { addressOf } from './address.ts'
import { domainSeparator } from './eip712.ts'
import type { Network } from './network.ts'
import { checkQuote, decodeQuote, encodeQuote, QUOTE_BYTES, type Quote, quoteDigest } from './quote.ts'
import { decodeVoucher, encodeVoucher, VOUCHER_BYTES, type Voucher, voucherDigest } from './voucher.ts'

const fill = (byte: number, length = 32) => new Uint8Array(length).fill(byte)
const hex = (bytes: Uint8Array) => `0x${toHex(bytes)}` as const
const key = fill(7)
const account = privateKeyToAccount(hex(key))
const network: Network = {
  chainId: 98_765,
  genesis: fill(0xaa),
  channels: addressOf(fill(0xbb, 20)),
  batchPay: addressOf(fill(0xcc, 20)),
}
const domain = {
  name: 'Tallyswarm',
  version: '1',
  chainId: 98_765,
  verifyingContract: network.channels,
  salt: hex(network.genesis),
} as const
const voucher: Voucher = {
  channel: fill(1),
  payee: addressOf(fill(2, 20)),
  lane: 0x03040506,
  cumulativeWei: 0x0708090a0b0c0d0e0fn,
  tally: fill(9),
}
const quote: Quote = {
  chainId: 98_765,
  genesis: network.genesis,
  channels: network.channels,
  share: fill(0x11),
  payee: addressOf(fill(0x22, 20)),
  lane: 5,
  priceWeiPerMib: 123_456_789n,
  windowBytes: 1 << 20,
  unitBytes: 16_384,
  expiresS: 1_800_000_000,
  nonce: fill(0x33),
}

test('voucher digests and signatures agree with viem', async () => {
  const typed = {
    domain,
    primaryType: 'Voucher',
    types: {
      Voucher: [
        { name: 'channel', type: 'bytes32' },
        { name: 'payee', type: 'address' },
        { name: 'lane', type: 'uint32' },
        { name: 'cumulative', type: 'uint128' },
        { name: 'tally', type: 'bytes32' },
      ],
    },
    message: {
      channel: hex(voucher.channel),
      payee: voucher.payee,
      lane: voucher.lane,
      cumulative: voucher.cumulativeWei,
      tally: hex(voucher.tally),
    },
  } as const
  const digest = voucherDigest(domainSeparator(network), voucher)
  equal(hex(digest), hashTypedData(typed))
  equal(hex(digest), '0x4c1057b2ff636656ff0440fef5257abe7cff93b630f981e87a709259b7f6ff24')
  equal(hex(signDigest(key, digest)), await account.signTypedData(typed))
  equal(addressOf(recoverAddressBytes(digest, signDigest(key, digest))), account.address)
})

test('quote digests agree with viem', () => {
  const digest = quoteDigest(quote)
  const expected = hashTypedData({
    domain,
    primaryType: 'Quote',
    types: {
      Quote: [
        { name: 'share', type: 'bytes32' },
        { name: 'payee', type: 'address' },
        { name: 'lane', type: 'uint32' },
        { name: 'priceWeiPerMib', type: 'uint128' },
        { name: 'windowBytes', type: 'uint32' },
        { name: 'unitBytes', type: 'uint32' },
        { name: 'expires', type: 'uint64' },
        { name: 'nonce', type: 'bytes32' },
      ],
    },
    message: { ...quote, share: hex(quote.share), expires: BigInt(quote.expiresS), nonce: hex(quote.nonce) },
  })
  equal(hex(digest), expected)
  equal(hex(digest), '0xd72e9d1a5aaa26b6d0c4875957bb0e124d2ef420260ceafc6f00701116c01059')
})

test('channel ids agree with abi.encode', () => {
  const payer = addressOf(fill(4, 20))
  const types = [{ type: 'uint256' }, { type: 'address' }, { type: 'address' }, { type: 'bytes32' }] as const
  const encoded = encodeAbiParameters(types, [98_765n, network.channels, payer, hex(fill(5))])
  equal(hex(channelIdOf(network, payer, fill(5))), keccak256(encoded))
})

test('every field of the domain changes the digest: a voucher of another chain is worth nothing', () => {
  const digests = [
    network,
    { ...network, chainId: 1 },
    { ...network, genesis: fill(0xab) },
    { ...network, channels: network.batchPay },
  ].map((other) => hex(voucherDigest(domainSeparator(other), voucher)))
  equal(new Set(digests).size, 4)
})

const signature = signDigest(key, fill(1))
const acceptance: Acceptance = {
  quote: fill(6),
  payer: addressOf(fill(4, 20)),
  salt: fill(5),
  channel: channelIdOf(network, addressOf(fill(4, 20)), fill(5)),
}
const asciiTag = (text: string) => toHex(new TextEncoder().encode(text)).padEnd(32, '0')

test('bytes as in the tables, both ways', () => {
  const voucherBytes = fromHex(
    `${asciiTag('TSWM-VOUCHER-v1')}${'01'.repeat(32)}${'02'.repeat(20)}03040506` +
      `000000000000000708090a0b0c0d0e0f${'09'.repeat(32)}${toHex(signature)}`,
  )
  equal(voucherBytes.length, VOUCHER_BYTES)
  deepEqual(encodeVoucher({ ...voucher, signature }), voucherBytes)
  deepEqual(decodeVoucher(voucherBytes), { ...voucher, signature })
  const quoteBytes = fromHex(
    `${asciiTag('TSWM-QUOTE-v1')}00000000000181cd${'aa'.repeat(32)}${'bb'.repeat(20)}${'11'.repeat(32)}` +
      `${'22'.repeat(20)}00000005000000000000000000000000075bcd150010000000004000000000006b49d200` +
      `${'33'.repeat(32)}${toHex(signature)}`,
  )
  equal(quoteBytes.length, QUOTE_BYTES)
  deepEqual(encodeQuote({ ...quote, signature }), quoteBytes)
  deepEqual(decodeQuote(quoteBytes), { ...quote, signature })
  deepEqual(decodeAcceptance(encodeAcceptance(acceptance), network), acceptance)
})

const decoders = {
  voucher: { bytes: encodeVoucher({ ...voucher, signature }), decode: decodeVoucher },
  quote: { bytes: encodeQuote({ ...quote, signature }), decode: decodeQuote },
  acceptance: {
    bytes: encodeAcceptance(acceptance),
    decode: (bytes: Uint8Array) => decodeAcceptance(bytes, network),
  },
}
for (const [name, { bytes, decode }] of Object.entries(decoders)) {
  test(`a ${name} of another length or tag is refused`, () => {
    throws(() => decode(bytes.subarray(1)), { name: 'DecodeError', code: 'WRONG_LENGTH' })
    throws(() => decode(Uint8Array.of(...bytes, 0)), { name: 'DecodeError', code: 'WRONG_LENGTH' })
    throws(() => decode(bytes.with(0, 0)), { name: 'DecodeError', code: 'WRONG_TAG' })
  })
  test(`any bytes are a ${name} or raise DecodeError`, () => {
    const tail = fc.uint8Array({ minLength: bytes.length - 16, maxLength: bytes.length - 16 })
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      tail.map((rest) => Uint8Array.of(...bytes.subarray(0, 16), ...rest)),
    )
    fc.assert(
      fc.property(any, (input) => {
        try {
          decode(input)
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error
        }
      }),
    )
  })
}

test("an acceptance with somebody else's channel, and a chain id above 2^53, are refused", () => {
  const bytes = encodeAcceptance({ ...acceptance, payer: addressOf(fill(3, 20)) })
  throws(() => decodeAcceptance(bytes, network), { name: 'DecodeError', code: 'WRONG_CHANNEL' })
  throws(() => decodeQuote(decoders.quote.bytes.with(16, 1)), { name: 'DecodeError', code: 'OUT_OF_RANGE' })
})

test('a quote is judged by every field a buyer relies on', () => {
  const expected = {
    network,
    share: quote.share,
    nowMs: 1_799_999_000_000,
    priceWeiPerMibMax: quote.priceWeiPerMib,
    self: addressOf(fill(0x99, 20)),
  }
  const judge = (change: Partial<Quote>, other: Partial<Parameters<typeof checkQuote>[1]> = {}) =>
    checkQuote({ ...quote, ...change }, { ...expected, ...other })
  equal(judge({}), undefined)
  equal(judge({}, { payee: quote.payee }), undefined)
  equal(judge({}, { nowMs: 1_800_000_000_000 }), 'quote-expired')
  equal(judge({ expiresS: 1_800_100_000 }), 'quote-too-long-lived')
  equal(judge({ chainId: 1 }), 'quote-wrong-chain')
  equal(judge({ genesis: fill(0) }), 'quote-wrong-chain')
  equal(judge({ channels: network.batchPay }), 'quote-wrong-contract')
  equal(judge({ share: fill(0) }), 'quote-wrong-share')
  equal(judge({}, { payee: network.batchPay }), 'quote-wrong-payee')
  equal(judge({ payee: expected.self }), 'quote-own')
  equal(judge({ priceWeiPerMib: quote.priceWeiPerMib + 1n }), 'quote-price-too-high')
  equal(judge({ windowBytes: 0 }), 'quote-bad-window')
  equal(judge({ unitBytes: 0xffff_ffff }), 'quote-bad-window')
})
