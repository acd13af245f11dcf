/**
 * Acceptance of a quote: which channel will pay. The channel's id follows from its payer and salt, so the
 * seller can check who must sign vouchers without asking the chain.
 *
 * Source: design section 5; `contracts/TallyChannel.sol` (`channelId`). On the wire, 132 bytes:
 *
 *   offset  size  field
 *   0       16    tag     "TSWM-ACCEPT-v1"
 *   16      32    quote   digest of the accepted quote
 *   48      20    payer
 *   68      32    salt    chosen by the payer; one per channel
 *   100     32    channel keccak256(chainId 32 | contract 32 | payer 32 | salt 32)
 *
 * @module
 */
import { bytesEqual, concatBytes } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { FieldReader, tag } from '../base/fields.ts'
import { keccak256 } from '../crypto/keccak.ts'
import { ADDRESS_BYTES, addressBytes, addressOf, type EvmAddress } from './address.ts'
import { word } from './eip712.ts'
import type { Network } from './network.ts'

export type Acceptance = {
  /** Digest of the accepted quote, 32 bytes. */
  readonly quote: Uint8Array
  readonly payer: EvmAddress
  readonly salt: Uint8Array
  readonly channel: Uint8Array
}

const TAG = tag('TSWM-ACCEPT-v1')
export const ACCEPTANCE_BYTES = 132

/** The id of the channel that `payer` opens with `salt`. */
export function channelIdOf(
  network: Pick<Network, 'chainId' | 'channels'>,
  payer: EvmAddress,
  salt: Uint8Array,
): Uint8Array {
  return keccak256(
    concatBytes(word(network.chainId), word(addressBytes(network.channels)), word(addressBytes(payer)), salt),
  )
}

export function encodeAcceptance({ quote, payer, salt, channel }: Acceptance): Uint8Array {
  return concatBytes(TAG, quote, addressBytes(payer), salt, channel)
}

/**
 * Also checks that the channel is this payer's. @throws {DecodeError<'WRONG_LENGTH' | 'WRONG_TAG' |
 * 'WRONG_CHANNEL'>}
 */
export function decodeAcceptance(
  bytes: Uint8Array,
  network: Pick<Network, 'chainId' | 'channels'>,
): Acceptance {
  const fields = new FieldReader(bytes, { tag: TAG, lengthBytes: ACCEPTANCE_BYTES, what: 'an acceptance' })
  const quote = fields.bytes(32)
  const payer = addressOf(fields.bytes(ADDRESS_BYTES))
  const salt = fields.bytes(32)
  const channel = fields.bytes(32)
  if (!bytesEqual(channel, channelIdOf(network, payer, salt))) {
    throw new DecodeError('WRONG_CHANNEL', 'the channel is not the one of this payer and salt')
  }
  return { quote, payer, salt, channel }
}
