/**
 * Quotes: a seller's signed offer for one session; its digest goes into the tally's Open.
 *
 * Source: EIP-712; design section 5. Signed type:
 * `Quote(bytes32 share,address payee,uint32 lane,uint128 priceWeiPerMib,uint32 windowBytes,uint32 unitBytes,
 * uint64 expires,bytes32 nonce)`; chain, genesis and contract are in the domain. On the wire, 261 bytes:
 *
 *   offset  size  field
 *   0       16    tag             "TSWM-QUOTE-v1"
 *   16      8     chainId
 *   24      32    genesis         hash of block 0
 *   56      20    contract        the channel contract
 *   76      32    share
 *   108     20    payee           signs this quote and claims the vouchers
 *   128     4     lane
 *   132     16    priceWeiPerMib
 *   148     4     windowBytes     how far the seller goes ahead of payment at first
 *   152     4     unitBytes       verification unit
 *   156     8     expires         seconds since 1970
 *   164     32    nonce
 *   196     65    signature       r | s | v by the payee
 *
 * @module
 */
import { bytesEqual, concatBytes } from '../base/bytes.ts'
import { FieldReader, tag, uint32, uint64, uint128 } from '../base/fields.ts'
import { SIGNATURE_BYTES } from '../crypto/secp256k1.ts'
import { ADDRESS_BYTES, addressBytes, addressOf, type EvmAddress } from './address.ts'
import { domainSeparator, typedDigest, typeHashOf, word } from './eip712.ts'
import type { Network } from './network.ts'

export type Quote = {
  readonly chainId: number
  readonly genesis: Uint8Array
  /** The channel contract. */
  readonly channels: EvmAddress
  readonly share: Uint8Array
  readonly payee: EvmAddress
  readonly lane: number
  readonly priceWeiPerMib: bigint
  readonly windowBytes: number
  readonly unitBytes: number
  readonly expiresS: number
  readonly nonce: Uint8Array
}
export type SignedQuote = Quote & { readonly signature: Uint8Array }

const TAG = tag('TSWM-QUOTE-v1')
export const QUOTE_BYTES = 261
/** A quote further in the future is not believed: nobody should hold us to it for ever. */
export const QUOTE_LIFE_S_MAX = 86_400
/** Two of the largest pieces in use. */
const WINDOW_BYTES_MAX = 256 << 20
const QUOTE_TYPE = typeHashOf(
  'Quote(bytes32 share,address payee,uint32 lane,uint128 priceWeiPerMib,uint32 windowBytes,' +
    'uint32 unitBytes,uint64 expires,bytes32 nonce)',
)

/** The 32 bytes the payee signs, and the digest that Open carries. */
export function quoteDigest(quote: Quote): Uint8Array {
  return typedDigest(
    domainSeparator(quote),
    QUOTE_TYPE,
    quote.share,
    word(addressBytes(quote.payee)),
    word(quote.lane),
    word(quote.priceWeiPerMib),
    word(quote.windowBytes),
    word(quote.unitBytes),
    word(quote.expiresS),
    quote.nonce,
  )
}

export function encodeQuote(quote: SignedQuote): Uint8Array {
  return concatBytes(
    TAG,
    uint64(BigInt(quote.chainId)),
    quote.genesis,
    addressBytes(quote.channels),
    quote.share,
    addressBytes(quote.payee),
    uint32(quote.lane),
    uint128(quote.priceWeiPerMib),
    uint32(quote.windowBytes),
    uint32(quote.unitBytes),
    uint64(BigInt(quote.expiresS)),
    quote.nonce,
    quote.signature,
  )
}

/** @throws {DecodeError<'WRONG_LENGTH' | 'WRONG_TAG' | 'OUT_OF_RANGE'>} */
export function decodeQuote(bytes: Uint8Array): SignedQuote {
  const fields = new FieldReader(bytes, { tag: TAG, lengthBytes: QUOTE_BYTES, what: 'a quote' })
  return {
    chainId: fields.safeUint64(),
    genesis: fields.bytes(32),
    channels: addressOf(fields.bytes(ADDRESS_BYTES)),
    share: fields.bytes(32),
    payee: addressOf(fields.bytes(ADDRESS_BYTES)),
    lane: fields.uint32(),
    priceWeiPerMib: fields.uint128(),
    windowBytes: fields.uint32(),
    unitBytes: fields.uint32(),
    expiresS: fields.safeUint64(),
    nonce: fields.bytes(32),
    signature: fields.bytes(SIGNATURE_BYTES),
  }
}

export type QuoteRefusal =
  | 'quote-expired'
  | 'quote-too-long-lived'
  | 'quote-wrong-chain'
  | 'quote-wrong-contract'
  | 'quote-wrong-share'
  | 'quote-wrong-payee'
  | 'quote-own'
  | 'quote-price-too-high'
  | 'quote-bad-window'

/** Judges everything but the signature, cheapest first. Undefined: fine so far. */
export function checkQuote(
  quote: Quote,
  expected: {
    readonly network: Network
    readonly share: Uint8Array
    readonly nowMs: number
    readonly priceWeiPerMibMax: bigint
    readonly self: EvmAddress
    /** Set when the seller's address is known from elsewhere (a signed record). */
    readonly payee?: EvmAddress
  },
): QuoteRefusal | undefined {
  const nowS = expected.nowMs / 1000
  const { network } = expected
  if (quote.chainId !== network.chainId || !bytesEqual(quote.genesis, network.genesis))
    return 'quote-wrong-chain'
  if (quote.channels !== network.channels) return 'quote-wrong-contract'
  if (!bytesEqual(quote.share, expected.share)) return 'quote-wrong-share'
  if (quote.expiresS <= nowS) return 'quote-expired'
  if (quote.expiresS > nowS + QUOTE_LIFE_S_MAX) return 'quote-too-long-lived'
  if (quote.payee === expected.self) return 'quote-own'
  if (expected.payee !== undefined && quote.payee !== expected.payee) return 'quote-wrong-payee'
  if (quote.priceWeiPerMib > expected.priceWeiPerMibMax) return 'quote-price-too-high'
  if (quote.windowBytes === 0 || quote.windowBytes > WINDOW_BYTES_MAX) return 'quote-bad-window'
  if (quote.unitBytes === 0 || quote.unitBytes > WINDOW_BYTES_MAX) return 'quote-bad-window'
  return undefined
}
