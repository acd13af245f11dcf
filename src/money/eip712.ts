/**
 * EIP-712 digests for the two documents that money signs: quotes and vouchers.
 *
 * Source: EIP-712. `digest = keccak256(0x19 01 | domainSeparator | hashStruct)`; every member is one 32-byte
 * word, integers and addresses left-padded. The domain has all five members; its salt is the hash of the chain's
 * block 0, so that a signature made for one chain 98765 is worth nothing on another.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { concatBytes, utf8 } from '../base/bytes.ts'
import { keccak256 } from '../crypto/keccak.ts'
import { addressBytes } from './address.ts'
import type { Network } from './network.ts'

export const DOMAIN_NAME = 'Tallyswarm'
export const DOMAIN_VERSION = '1'
export const WORD_BYTES = 32

const DOMAIN_TYPE = keccak256(
  utf8('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)'),
)
const NAME_HASH = keccak256(utf8(DOMAIN_NAME))
const VERSION_HASH = keccak256(utf8(DOMAIN_VERSION))

/** A big-endian 32-byte word. */
export function word(value: bigint | number | Uint8Array): Uint8Array {
  const bytes = new Uint8Array(WORD_BYTES)
  if (value instanceof Uint8Array) {
    assert(value.length <= WORD_BYTES, 'a word is at most 32 bytes')
    bytes.set(value, WORD_BYTES - value.length)
    return bytes
  }
  let rest = BigInt(value)
  assert(rest >= 0n, 'a word is not negative')
  for (let i = WORD_BYTES - 1; rest > 0n; i--) {
    bytes[i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}

type DomainOf = Pick<Network, 'chainId' | 'genesis' | 'channels'>
const separators = new WeakMap<DomainOf, Uint8Array>()

/** The domain separator of our channel contract on this chain. Kept per object: each voucher needs it. */
export function domainSeparator(network: DomainOf): Uint8Array {
  const known = separators.get(network)
  if (known !== undefined) return known
  assert(network.genesis.length === WORD_BYTES, 'a genesis hash is 32 bytes')
  const contract = word(addressBytes(network.channels))
  const separator = keccak256(
    concatBytes(DOMAIN_TYPE, NAME_HASH, VERSION_HASH, word(network.chainId), contract, network.genesis),
  )
  separators.set(network, separator)
  return separator
}

/** The 32 bytes to sign for a struct of `typeHash` with these words as members, in order. */
export function typedDigest(separator: Uint8Array, typeHash: Uint8Array, ...words: Uint8Array[]): Uint8Array {
  return keccak256(
    concatBytes(Uint8Array.of(0x19, 0x01), separator, keccak256(concatBytes(typeHash, ...words))),
  )
}

/** The type hash of an EIP-712 struct type without members that are structs. */
export const typeHashOf = (encodedType: string): Uint8Array => keccak256(utf8(encodedType))
