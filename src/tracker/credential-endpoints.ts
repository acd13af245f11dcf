/**
 * An authority over HTTP: members register, bind swarm keys, and fetch credentials.
 *
 * Source: design section 3, "Swarm keys". All bytes are hex.
 *
 *   GET  /v1/authority                                           -> { scope, key }
 *   POST /v1/register     { identity, possession }               -> { accountId }
 *   POST /v1/bindings     { document, signature, keys: [...] }   -> { }
 *   POST /v1/credentials  { share, swarmKey, signature, lifeS }  -> { document, signature }
 *
 * Refusals are { error: { code, message } } with the authority's own reason as code.
 *
 * @module
 */
import { toHex } from '../base/bytes.ts'
import { shareId } from '../base/ids.ts'
import type { Random } from '../base/world.ts'
import { BLS_SIGNATURE_BYTES } from '../crypto/bls.ts'
import { ED25519_KEY_BYTES, ED25519_SIGNATURE_BYTES } from '../crypto/ed25519.ts'
import type { Authority } from '../tally/authority.ts'
import { BINDING_BYTES, BINDING_KEYS_MAX, IDENTITY_BYTES } from '../tally/binding.ts'
import { CREDENTIAL_LIFE_MAX_S } from '../tally/credential.ts'
import {
  countField,
  hexField,
  hexListField,
  type JsonAnswer,
  type JsonEndpoint,
  type JsonEndpoints,
} from './json-endpoint.ts'

const SHARE_BYTES = 32

/** 403 where not listed. */
const STATUS: Readonly<Record<string, number>> = {
  malformed: 400,
  keys: 400,
  'keys-root': 400,
  'wrong-scope': 400,
  'key-unknown': 404,
  'share-unknown': 404,
  'identity-unknown': 404,
  'identity-taken': 409,
  'key-taken': 409,
  'key-of-other-share': 409,
}

type Outcome = { readonly ok: true } | { readonly ok: false; readonly reason: string }

function answer<T extends Outcome>(
  outcome: T,
  body: (accepted: Extract<T, { ok: true }>) => unknown,
): JsonAnswer {
  if (outcome.ok) return { status: 200, body: body(outcome as Extract<T, { ok: true }>) }
  const { reason } = outcome
  return { status: STATUS[reason] ?? 403, body: { error: { code: reason, message: `refused: ${reason}` } } }
}

export function credentialEndpoints(
  authority: Authority,
  { random }: { readonly random: Random },
): JsonEndpoints {
  const post = (handle: JsonEndpoint['handle']): JsonEndpoint => ({ method: 'POST', handle })
  return new Map<string, JsonEndpoint>([
    [
      '/v1/authority',
      {
        method: 'GET',
        handle: async () => ({
          status: 200,
          body: { scope: toHex(authority.scope), key: toHex(authority.key) },
        }),
      },
    ],
    [
      '/v1/register',
      post(async (body) => {
        const identity = hexField(body, 'identity', IDENTITY_BYTES)
        const possession = hexField(body, 'possession', BLS_SIGNATURE_BYTES)
        const outcome = await authority.register(identity, possession, toHex(random.bytes(16)))
        return answer(outcome, ({ account }) => ({ accountId: account.id }))
      }),
    ],
    [
      '/v1/bindings',
      post(async (body) => {
        const document = hexField(body, 'document', BINDING_BYTES)
        const signature = hexField(body, 'signature', BLS_SIGNATURE_BYTES)
        const keys = hexListField(body, 'keys', ED25519_KEY_BYTES, BINDING_KEYS_MAX)
        return answer(await authority.bind({ document, signature }, keys), () => ({}))
      }),
    ],
    [
      '/v1/credentials',
      post(async (body) => {
        const outcome = await authority.issue({
          share: shareId(hexField(body, 'share', SHARE_BYTES)),
          swarmKey: hexField(body, 'swarmKey', ED25519_KEY_BYTES),
          signature: hexField(body, 'signature', ED25519_SIGNATURE_BYTES),
          lifeS: countField(body, 'lifeS', CREDENTIAL_LIFE_MAX_S),
        })
        return answer(outcome, ({ credential: { document, signature } }) => ({
          document: toHex(document),
          signature: toHex(signature),
        }))
      }),
    ],
  ])
}
