/** Credentials (joined with the authority's client when it lands). @module */
import type { ShareId } from '../base/ids.ts'
import type { Ed25519, Ed25519Key } from '../crypto/ed25519.ts'
import type { Membership } from '../tally/link-settings.ts'
import type { Keys } from './keys.ts'

export async function membershipsFor(
  _about: { authority: string; share: ShareId; swarmKey: Ed25519Key },
  _parts: { keys: Keys; ed25519: Ed25519; log: (line: string) => void },
): Promise<readonly Membership[]> {
  return []
}
