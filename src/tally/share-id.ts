/**
 * The one name a share has in tallies, on whatever wire its bytes travel.
 *
 * Source: design section 3. The v2 info hash whenever there is one (so a hybrid share has the same name on a v1 wire),
 * else SHA-256("TSWM-V1SHARE" padded to 16 | v1 info hash 20).
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { tag } from '../base/fields.ts'
import { type ShareId, shareId } from '../base/ids.ts'
import type { Share } from '../content/share.ts'
import { digest } from './digest.ts'

const V1_TAG = tag('TSWM-V1SHARE')

export function shareIdOf(share: Pick<Share, 'infoHashV1' | 'infoHashV2'>): ShareId {
  if (share.infoHashV2 !== undefined) return shareId(Uint8Array.from(share.infoHashV2))
  assert(share.infoHashV1 !== undefined, 'a share has an info hash')
  return shareId(digest(V1_TAG, share.infoHashV1))
}
