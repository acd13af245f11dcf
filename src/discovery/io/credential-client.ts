/**
 * Client of an authority over HTTP: register an identity, bind swarm keys, fetch credentials.
 *
 * Source: design section 3; the endpoints are listed in `tracker/credential-endpoints.ts`. Documents are
 * opaque bytes here: who asked for a credential must verify it before use.
 *
 * @module
 */
import { fromHex, toHex, utf8Text } from '../../base/bytes.ts'
import { CodedError, DecodeError } from '../../base/errors.ts'
import type { Lookup } from '../../base/io/resolve.ts'
import type { Reach } from '../../base/ip-scope.ts'
import { HTTP_EXCHANGE_DEFAULTS, httpExchange } from './http-exchange.ts'

export type CredentialClientSettings = {
  /** Base URL of the authority: what stands before `/v1/`. */
  readonly url: string
  readonly userAgent: string
  /** `local` where the user configured the URL. */
  readonly reach: Reach
  readonly timeoutMs: number
}

type SignedDocument = { readonly document: Uint8Array; readonly signature: Uint8Array }
/** `reason` is the authority's own: see `tally/authority.ts`. */
type AuthorityOutcome<T> = ({ readonly ok: true } & T) | { readonly ok: false; readonly reason: string }

/**
 * All reject with CodedError of the exchange, or DecodeError<'AUTHORITY_ANSWER'> for an answer of another
 * shape.
 */
export type CredentialClient = {
  authority(signal: AbortSignal): Promise<{ readonly scope: Uint8Array; readonly key: Uint8Array }>
  /** `identity-taken` means registered before: the proof of possession was checked first. */
  register(
    identity: Uint8Array,
    possession: Uint8Array,
    signal: AbortSignal,
  ): Promise<AuthorityOutcome<{ accountId: string }>>
  bind(
    binding: SignedDocument,
    keys: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<AuthorityOutcome<unknown>>
  issue(
    request: CredentialRequest,
    signal: AbortSignal,
  ): Promise<AuthorityOutcome<{ credential: SignedDocument }>>
}

type CredentialRequest = {
  readonly share: Uint8Array
  readonly swarmKey: Uint8Array
  /** By the swarm key, over `keyRequestMessage`. */
  readonly signature: Uint8Array
  readonly lifeS: number
}

const RESPONSE_BYTES_MAX = 65_536
const DOCUMENT_BYTES_MAX = 4096

export function createCredentialClient(
  settings: Pick<CredentialClientSettings, 'url' | 'userAgent'> & Partial<CredentialClientSettings>,
  { lookup }: { readonly lookup?: Lookup } = {},
): CredentialClient {
  const {
    url,
    userAgent,
    reach = HTTP_EXCHANGE_DEFAULTS.reach,
    timeoutMs = HTTP_EXCHANGE_DEFAULTS.timeoutMs,
  } = settings
  const limits = { userAgent, reach, timeoutMs, responseBytesMax: RESPONSE_BYTES_MAX, redirectsMax: 0 }

  async function call(
    path: string,
    body: object | undefined,
    signal: AbortSignal,
  ): Promise<AuthorityOutcome<{ answer: object }>> {
    const target = new URL(`${url.replace(/\/+$/, '')}/v1/${path}`)
    const json = body === undefined ? {} : { json: JSON.stringify(body) }
    const reply = await httpExchange({ url: target, signal, ...json, ...(lookup && { lookup }) }, limits)
    const answer = parseObject(reply.body, reply.status)
    if (reply.status === 200) return { ok: true, answer }
    const { code } = Object(member(answer, 'error')) as { code?: unknown }
    if (typeof code !== 'string') throw unexpected(`status ${reply.status} without a reason`)
    return { ok: false, reason: code.slice(0, 64) }
  }

  return {
    async authority(signal) {
      const outcome = await call('authority', undefined, signal)
      if (!outcome.ok) throw unexpected(outcome.reason)
      return { scope: hexMember(outcome.answer, 'scope'), key: hexMember(outcome.answer, 'key') }
    },
    async register(identity, possession, signal) {
      const outcome = await call(
        'register',
        { identity: toHex(identity), possession: toHex(possession) },
        signal,
      )
      if (!outcome.ok) return outcome
      const accountId = member(outcome.answer, 'accountId')
      if (typeof accountId !== 'string') throw unexpected('no accountId')
      return { ok: true, accountId }
    },
    bind({ document, signature }, keys, signal) {
      const body = { document: toHex(document), signature: toHex(signature), keys: keys.map(toHex) }
      return call('bindings', body, signal)
    },
    async issue({ share, swarmKey, signature, lifeS }, signal) {
      const body = { share: toHex(share), swarmKey: toHex(swarmKey), signature: toHex(signature), lifeS }
      const outcome = await call('credentials', body, signal)
      if (!outcome.ok) return outcome
      const { answer } = outcome
      return {
        ok: true,
        credential: { document: hexMember(answer, 'document'), signature: hexMember(answer, 'signature') },
      }
    },
  }
}

const unexpected = (what: string) =>
  new DecodeError('AUTHORITY_ANSWER', `the authority's answer is not as expected: ${what}`)

const member = (answer: object, name: string): unknown => (answer as Record<string, unknown>)[name]

function hexMember(answer: object, name: string): Uint8Array {
  const value = member(answer, name)
  if (typeof value !== 'string' || value.length > 2 * DOCUMENT_BYTES_MAX) throw unexpected(`no ${name}`)
  return fromHex(value)
}

function parseObject(body: Uint8Array, status: number): object {
  try {
    const value: unknown = JSON.parse(utf8Text(body))
    if (typeof value === 'object' && value !== null) return value
  } catch (cause) {
    if (status !== 200)
      throw new CodedError('HTTP_STATUS', `the authority answers with status ${status}`, { cause })
  }
  throw unexpected('no JSON object')
}
