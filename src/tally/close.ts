/**
 * Close: the receiver's identity confirms its last tally to the tracker, in a form that aggregates.
 *
 * Source: design section 3; docs/TALLY.md, "Close". What BLS signs is
 *
 *   SHA-256("TSWM-CLOSE-v1" padded to 16 | identity 48 | tally 224)
 *
 * @module
 */

import { field, tag } from '../base/fields.ts'
import { IDENTITY_BYTES } from './binding.ts'
import { digest } from './digest.ts'
import { TALLY_BYTES } from './tally.ts'

const TAG = tag('TSWM-CLOSE-v1')

/** `signature` is 96 bytes by `identity` over `closeMessage`. */
export type Close = { readonly identity: Uint8Array; readonly signature: Uint8Array }

export function closeMessage(identity: Uint8Array, tally: Uint8Array): Uint8Array {
  return digest(TAG, field(identity, IDENTITY_BYTES, 'identity'), field(tally, TALLY_BYTES, 'tally'))
}
