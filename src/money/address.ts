/**
 * Ethereum addresses: 20 bytes, shown and compared in their EIP-55 form.
 *
 * Source: EIP-55. Accepted as text: all lower-case, or mixed case with the right checksum.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import type { Brand } from '../base/brand.ts'
import { fromHex, toHex, utf8 } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { keccak256 } from '../crypto/keccak.ts'

/** Always in checksummed form, so `===` compares addresses. */
export type EvmAddress = Brand<`0x${string}`, 'EvmAddress'>

export const ADDRESS_BYTES = 20

/** The address of 20 bytes. */
export function addressOf(bytes: Uint8Array): EvmAddress {
  assert(bytes.length === ADDRESS_BYTES, 'an address is 20 bytes')
  const hex = toHex(bytes)
  const hash = toHex(keccak256(utf8(hex)))
  let text = '0x'
  for (let i = 0; i < hex.length; i++) {
    text += Number.parseInt(hash[i]!, 16) >= 8 ? hex[i]!.toUpperCase() : hex[i]!
  }
  return text as EvmAddress
}

/** @throws {DecodeError<'BAD_ADDRESS' | 'BAD_CHECKSUM'>} */
export function parseAddress(text: string): EvmAddress {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) {
    throw new DecodeError('BAD_ADDRESS', `expected 0x and 40 hex digits, got ${text.slice(0, 60)}`)
  }
  const address = addressOf(fromHex(text.slice(2)))
  if (text !== address && text !== text.toLowerCase()) {
    throw new DecodeError(
      'BAD_CHECKSUM',
      `wrong EIP-55 checksum in ${text}: check the address for typing errors`,
    )
  }
  return address
}

/** The 20 bytes of an address. */
export const addressBytes = (address: EvmAddress): Uint8Array => fromHex(address.slice(2))
