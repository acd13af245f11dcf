/**
 * A scope: who may credit a tally. It is inside everything signed, so that no receipt counts at two places.
 *
 * Source: design section 3. Scope id = SHA-256 of
 *
 *   offset  size    field
 *   0       16      tag "TSWM-SCOPE-v1"
 *   16      1       kind     0 none (bilateral), 1 tracker, 2 registry
 *   17      2       length   of id
 *   19      length  id       none: empty; tracker: its Ed25519 key 32; registry: chain id 32 | genesis hash 32 | address 20
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { concatBytes, fromHex } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { field, tag } from '../base/fields.ts'
import type { ScopeId } from '../base/ids.ts'
import { DIGEST_BYTES, digest } from './digest.ts'

export type Scope =
  /** Evidence between two parties, for a payment; nobody credits it. */
  | { readonly kind: 'none' }
  | { readonly kind: 'tracker'; readonly key: Uint8Array }
  | {
      readonly kind: 'registry'
      readonly chainId: bigint
      readonly genesis: Uint8Array
      readonly address: Uint8Array
    }

const TAG = tag('TSWM-SCOPE-v1')
const ADDRESS_BYTES = 20

function uint256(value: bigint): Uint8Array {
  assert(BigInt.asUintN(256, value) === value, 'chain id is a uint256')
  return fromHex(value.toString(16).padStart(64, '0'))
}

function idOf(scope: Scope): Uint8Array {
  switch (scope.kind) {
    case 'none':
      return new Uint8Array(0)
    case 'tracker':
      return field(scope.key, DIGEST_BYTES, 'tracker key')
    case 'registry':
      return concatBytes(
        uint256(scope.chainId),
        field(scope.genesis, DIGEST_BYTES, 'genesis hash'),
        field(scope.address, ADDRESS_BYTES, 'contract address'),
      )
  }
}

const KINDS = { none: 0, tracker: 1, registry: 2 } as const

export function scopeIdOf(scope: Scope): ScopeId {
  const id = idOf(scope)
  return digest(TAG, Uint8Array.of(KINDS[scope.kind], id.length >>> 8, id.length & 0xff), id) as ScopeId
}

/** The scope of tallies that only the two peers care about. */
export const BILATERAL_SCOPE: ScopeId = scopeIdOf({ kind: 'none' })

/** A scope from outside: as `Scope`, lengths checked. @throws {DecodeError<'SCOPE_FIELD'>} */
export function checkedScope(scope: Scope): Scope {
  const fits =
    scope.kind === 'none' ||
    (scope.kind === 'tracker' && scope.key.length === DIGEST_BYTES) ||
    (scope.kind === 'registry' &&
      BigInt.asUintN(256, scope.chainId) === scope.chainId &&
      scope.genesis.length === DIGEST_BYTES &&
      scope.address.length === ADDRESS_BYTES)
  if (!fits) throw new DecodeError('SCOPE_FIELD', 'a field of the scope has the wrong length')
  return scope
}
