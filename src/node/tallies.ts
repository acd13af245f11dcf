/**
 * The node's tallies: swarm keys, credentials, the journal, and a link factory per share.
 *
 * @module
 */
import { systemClock, systemRandom } from '../base/io/system.ts'
import type { Share } from '../content/share.ts'
import type { Ed25519 } from '../crypto/ed25519.ts'
import { createNodeEd25519 } from '../crypto/io/ed25519.ts'
import { sha256 } from '../crypto/io/sha.ts'
import type { Purchase } from '../money/buyer.ts'
import { systemSchedule } from '../tally/io/schedule.ts'
import { openTallyStore, type TallyFileStore } from '../tally/io/tally-store.ts'
import type { TallyLinkFactory } from '../tally/link.ts'
import { createTallyLinkFactory } from '../tally/link-factory.ts'
import type { Membership, StrangerPolicy } from '../tally/link-settings.ts'
import { shareIdOf } from '../tally/share-id.ts'
import type { Config } from './config.ts'
import type { Home } from './home.ts'
import type { Keys } from './keys.ts'
import type { Money } from './money.ts'
import { explainedTerms } from './refusals.ts'
import { noteContext } from './tally-context.ts'

/** What a share is worth to us: what we ask, and what we buy it with. */
export type Dealing = { readonly priceWeiPerMib: bigint; readonly purchase?: Purchase }

export type Tallies = AsyncDisposable & {
  readonly store: TallyFileStore
  readonly ed25519: Ed25519
  /** Asks the authority for a credential when one is configured; without an answer, tallies are bilateral. */
  linksFor(share: Share, dealing: Dealing): Promise<TallyLinkFactory>
}

/** `serve`, `refuse`, `slots N`, as the config has it. */
export function strangerPolicy(text: string): StrangerPolicy {
  if (text === 'serve' || text === 'refuse') return text
  return { slots: Number(text.slice('slots '.length)) }
}

const nowS = (): number => Math.floor(systemClock.nowMs() / 1000)

export async function openTallies(
  settings: Config['tally'],
  { home, keys, money, log }: { home: Home; keys: Keys; money?: Money; log: (line: string) => void },
): Promise<Tallies> {
  const store = await openTallyStore(home.tallies, { nowS })
  const ed25519 = createNodeEd25519()
  return {
    store,
    ed25519,
    async linksFor(share, { priceWeiPerMib, purchase }) {
      const id = shareIdOf(share)
      const swarmKey = await keys.swarmKey(id, ed25519)
      const standing =
        settings.authority === ''
          ? undefined
          : await (await import('./credentials.ts')).standingWith(
              { authority: settings.authority, share: id, swarmKey },
              { keys, ed25519, log },
            )
      const { payloadBytes } = share.layout
      const scope = standing ? { scope: standing.scope } : {}
      await noteContext(home, { share: id, payloadBytes, name: share.name, ...scope })
      const memberships: readonly Membership[] = standing ? [standing.membership] : []
      const unitBytes = share.layout.pieceLength
      const seller = money?.seller
      return createTallyLinkFactory(
        { share, unitBytes, strangers: strangerPolicy(settings.peers_without), bilateral: true },
        {
          swarmKey,
          ed25519,
          clock: systemClock,
          random: systemRandom,
          schedule: systemSchedule,
          store,
          memberships: () => memberships,
          sha256,
          ...(seller && priceWeiPerMib > 0n
            ? { sellerTerms: () => seller.terms({ share: id, priceWeiPerMib, unitBytes }) }
            : {}),
          buyerTerms: explainedTerms(purchase, log),
        },
      )
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}
