/**
 * Vouchers: a payer's signed promise of a cumulative amount to one payee on one lane of a channel.
 *
 * Source: EIP-712; design section 5. Signed type:
 * `Voucher(bytes32 channel,address payee,uint32 lane,uint128 cumulative,bytes32 tally)`. On the wire, 185
 * bytes:
 *
 *   offset  size  field
 *   0       16    tag         "TSWM-VOUCHER-v1"
 *   16      32    channel
 *   48      20    payee
 *   68      4     lane        chosen by the payee, never used twice in one channel
 *   72      16    cumulative  wei, the running total of this lane
 *   88      32    tally       digest of the tally it pays for
 *   120     65    signature   r | s | v by the channel's payer
 *
 * @module
 */
import { concatBytes } from '../base/bytes.ts'
import { FieldReader, tag, uint32, uint128 } from '../base/fields.ts'
import { SIGNATURE_BYTES } from '../crypto/secp256k1.ts'
import { ADDRESS_BYTES, addressBytes, addressOf, type EvmAddress } from './address.ts'
import { typedDigest, typeHashOf, word } from './eip712.ts'

export type Voucher = {
  /** 32 bytes. */
  readonly channel: Uint8Array
  readonly payee: EvmAddress
  readonly lane: number
  readonly cumulativeWei: bigint
  /** 32 bytes. */
  readonly tally: Uint8Array
}
export type SignedVoucher = Voucher & { readonly signature: Uint8Array }

const TAG = tag('TSWM-VOUCHER-v1')
export const VOUCHER_BYTES = 185
const VOUCHER_TYPE = typeHashOf(
  'Voucher(bytes32 channel,address payee,uint32 lane,uint128 cumulative,bytes32 tally)',
)

/** The 32 bytes the payer signs. */
export function voucherDigest(separator: Uint8Array, voucher: Voucher): Uint8Array {
  return typedDigest(
    separator,
    VOUCHER_TYPE,
    voucher.channel,
    word(addressBytes(voucher.payee)),
    word(voucher.lane),
    word(voucher.cumulativeWei),
    voucher.tally,
  )
}

export function encodeVoucher(voucher: SignedVoucher): Uint8Array {
  return concatBytes(
    TAG,
    voucher.channel,
    addressBytes(voucher.payee),
    uint32(voucher.lane),
    uint128(voucher.cumulativeWei),
    voucher.tally,
    voucher.signature,
  )
}

/** Reads the form; the signature is judged elsewhere. @throws {DecodeError<'WRONG_LENGTH' | 'WRONG_TAG'>} */
export function decodeVoucher(bytes: Uint8Array): SignedVoucher {
  const fields = new FieldReader(bytes, { tag: TAG, lengthBytes: VOUCHER_BYTES, what: 'a voucher' })
  return {
    channel: fields.bytes(32),
    payee: addressOf(fields.bytes(ADDRESS_BYTES)),
    lane: fields.uint32(),
    cumulativeWei: fields.uint128(),
    tally: fields.bytes(32),
    signature: fields.bytes(SIGNATURE_BYTES),
  }
}
