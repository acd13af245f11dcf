/**
 * One JSON-RPC endpoint: says which chain it is, and turns every failure into one of our three codes.
 *
 * Nothing is asked or sent before the endpoint has shown the chain id and the genesis hash we expect; after
 * a failure it has to show them again, since another chain may answer at the same URL.
 *
 * @module
 */
import {
  BaseError,
  createPublicClient,
  HttpRequestError,
  http,
  type PublicClient,
  RpcRequestError,
  SocketClosedError,
  TimeoutError,
} from 'viem'
import { bytesEqual, fromHex } from '../../../base/bytes.ts'
import { CodedError, codeOf, messageOf } from '../../../base/errors.ts'
import type { DriverHealth } from '../../driver.ts'

const TIMEOUT_MS = 10_000

type EvmIdentity = { readonly chainId: number; readonly genesis: Uint8Array }

export type EvmChain = EvmIdentity & {
  readonly url: string
  readonly client: PublicClient
  readonly health: DriverHealth
  /** Runs one exchange with the endpoint, after checking who answers. Rejects with `CHAIN_…` codes. */
  ask<T>(question: (client: PublicClient) => Promise<T>): Promise<T>
}

export type EvmEndpoint = { readonly url: string; readonly timeoutMs?: number }

/**
 * Asks an endpoint who it is.
 *
 * @throws {CodedError<'CHAIN_UNREACHABLE' | 'CHAIN_WRONG'>}
 */
export async function connectEvm(
  options: EvmEndpoint & { readonly chainId?: number; readonly genesis?: Uint8Array },
): Promise<EvmChain> {
  const identity = await identify(clientOf(options)).catch((cause: unknown) => {
    throw chainError(cause)
  })
  const expected = { ...identity, ...defined(options) }
  requireSame(identity, expected)
  return evmChain(options, identity)
}

/** A chain whose identity is known already; needs no answer from it yet. */
export function evmChain(endpoint: EvmEndpoint, identity: EvmIdentity): EvmChain {
  const client = clientOf(endpoint)
  let health: DriverHealth = { reachable: true, failures: 0, sinceMs: performance.now() }
  let verified = false

  const note = (errorCode: string | undefined) => {
    const reachable = errorCode === undefined
    if (reachable && health.failures === 0) return
    health = {
      reachable,
      failures: reachable ? 0 : health.failures + 1,
      sinceMs: reachable === health.reachable ? health.sinceMs : performance.now(),
      ...(errorCode === undefined ? {} : { lastErrorCode: errorCode }),
    }
  }

  return {
    ...identity,
    url: endpoint.url,
    client,
    get health() {
      return health
    },
    ask: async (question) => {
      try {
        if (!verified) requireSame(await identify(client), identity)
        verified = true
        const answer = await question(client)
        note(undefined)
        return answer
      } catch (cause) {
        const error = chainError(cause)
        if (error.code !== 'CHAIN_REFUSED') {
          verified = false
          note(error.code)
        }
        throw error
      }
    },
  }
}

function clientOf({ url, timeoutMs = TIMEOUT_MS }: EvmEndpoint): PublicClient {
  // Retries are the settler's: it knows what may be repeated. Polling and caches are off for the same reason.
  return createPublicClient({ transport: http(url, { timeout: timeoutMs, retryCount: 0 }), cacheTime: 0 })
}

async function identify(client: PublicClient): Promise<EvmIdentity> {
  const [chainId, block] = await Promise.all([client.getChainId(), client.getBlock({ blockNumber: 0n })])
  return { chainId, genesis: fromHex(block.hash.slice(2)) }
}

function requireSame(found: EvmIdentity, expected: EvmIdentity): void {
  if (found.chainId === expected.chainId && bytesEqual(found.genesis, expected.genesis)) return
  const details = { foundChainId: found.chainId, expectedChainId: expected.chainId }
  throw new CodedError('CHAIN_WRONG', 'another chain answers at this URL: id or genesis hash differ', {
    details,
  })
}

/** `CHAIN_UNREACHABLE` for transport trouble, `CHAIN_REFUSED` when the chain itself said no. */
function chainError(cause: unknown): CodedError {
  if (cause instanceof CodedError) return cause
  const transport =
    cause instanceof BaseError &&
    cause.walk(
      (error) =>
        error instanceof HttpRequestError ||
        error instanceof TimeoutError ||
        error instanceof SocketClosedError,
    )
  const refused = cause instanceof BaseError && cause.walk((error) => error instanceof RpcRequestError)
  const short = cause instanceof BaseError ? cause.shortMessage : messageOf(cause)
  if (transport || !(cause instanceof BaseError)) {
    return new CodedError('CHAIN_UNREACHABLE', `the chain does not answer: ${short}`, { cause })
  }
  const details = { rpcCode: refused instanceof RpcRequestError ? String(refused.code) : codeOf(cause) }
  return new CodedError('CHAIN_REFUSED', `the chain refused: ${short}`, { cause, details })
}

const defined = ({ chainId, genesis }: { chainId?: number; genesis?: Uint8Array }): Partial<EvmIdentity> => ({
  ...(chainId === undefined ? {} : { chainId }),
  ...(genesis === undefined ? {} : { genesis }),
})
