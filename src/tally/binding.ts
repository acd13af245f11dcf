/**
 * Binding: a member's identity claims up to 1,024 swarm keys at once. Shown to the authority only.
 *
 * Source: design section 3; docs/TALLY.md, "Binding". Signed by the identity's BLS key.
 *
 *   offset  size  field
 *   0       16    tag "TSWM-BIND-v1"
 *   16      32    scope
 *   48      48    identity       BLS public key
 *   96      32    keysRoot
 *   128     4     notBefore      seconds since 1970, inclusive
 *   132     4     notAfter       inclusive
 *
 *   keysRoot = SHA-256("TSWM-KEYS-v1" padded to 16 | count 4 | root)
 *   leaf = SHA-256(00 | swarmKey); node = SHA-256(01 | left | right); an odd node moves up as it is (RFC 6962's shape).
 *   Keys are in strictly ascending byte order.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { compareBytes, concatBytes } from '../base/bytes.ts'
import { FieldReader, field, tag, uint32 } from '../base/fields.ts'
import type { ScopeId } from '../base/ids.ts'
import { digest } from './digest.ts'

export const BINDING_BYTES = 136
export const IDENTITY_BYTES = 48
export const BINDING_KEYS_MAX = 1024

export type Binding = {
  readonly scope: ScopeId
  readonly identity: Uint8Array
  readonly keysRoot: Uint8Array
  readonly notBeforeS: number
  readonly notAfterS: number
}

const TAG = tag('TSWM-BIND-v1')
const KEYS_TAG = tag('TSWM-KEYS-v1')
const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

export function encodeBinding(binding: Binding): Uint8Array {
  return concatBytes(
    TAG,
    field(binding.scope, 32, 'scope'),
    field(binding.identity, IDENTITY_BYTES, 'identity'),
    field(binding.keysRoot, 32, 'keysRoot'),
    uint32(binding.notBeforeS),
    uint32(binding.notAfterS),
  )
}

/** @throws {DecodeError<'WRONG_LENGTH' | 'WRONG_TAG'>} */
export function decodeBinding(bytes: Uint8Array): Binding {
  const reader = new FieldReader(bytes, { tag: TAG, lengthBytes: BINDING_BYTES, what: 'a binding' })
  return {
    scope: reader.bytes(32) as ScopeId,
    identity: reader.bytes(IDENTITY_BYTES),
    keysRoot: reader.bytes(32),
    notBeforeS: reader.uint32(),
    notAfterS: reader.uint32(),
  }
}

/** What a Binding's BLS signature covers: SHA-256 of the document, as a Close's does. */
export const bindingMessage = (document: Uint8Array): Uint8Array => digest(document)

/** 1 to 1,024 keys of 32 bytes, strictly ascending: what `keysRootOf` takes. */
export function areBindableKeys(keys: readonly Uint8Array[]): boolean {
  return (
    keys.length >= 1 &&
    keys.length <= BINDING_KEYS_MAX &&
    keys.every((key, i) => key.length === 32 && (i === 0 || compareBytes(keys[i - 1]!, key) < 0))
  )
}

export function keysRootOf(keys: readonly Uint8Array[]): Uint8Array {
  assert(areBindableKeys(keys), 'keys are 1 to 1,024, ascending, 32 bytes each')
  let level = keys.map((key) => digest(LEAF, key))
  while (level.length > 1) {
    const above: Uint8Array[] = []
    for (let i = 0; i < level.length; i += 2) {
      const right = level[i + 1]
      above.push(right === undefined ? level[i]! : digest(NODE, level[i]!, right))
    }
    level = above
  }
  return digest(KEYS_TAG, uint32(keys.length), level[0]!)
}
