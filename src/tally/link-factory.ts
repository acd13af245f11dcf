/**
 * Makes tally links for the connections of one share.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { CREDENTIALS_MAX } from './frames.ts'
import { CredentialCache } from './handshake.ts'
import type { TallyLinkFactory } from './link.ts'
import type { TallyLinkParts, TallyLinkSettings } from './link-settings.ts'
import { ConnectionLink, createLinkHouse } from './tally-link.ts'

/**
 * A link sends its HELLO soon after it was made, never inside the call. Frames may be given to it at once.
 * Call `sent` before the payload is handed to the stream: a tally may come back at once.
 */
export function createTallyLinkFactory(settings: TallyLinkSettings, parts: TallyLinkParts): TallyLinkFactory {
  assert(parts.memberships().length <= CREDENTIALS_MAX, `at most ${CREDENTIALS_MAX} memberships`)
  const house = createLinkHouse(settings, parts, new CredentialCache(parts.ed25519))
  return (carrier, connection) => {
    assert(connection.transport.length === 32, 'transport is 32 bytes')
    return new ConnectionLink(house, carrier, connection)
  }
}
