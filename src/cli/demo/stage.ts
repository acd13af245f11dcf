/**
 * What the demo's swarm stands on: a development chain with our contracts, and a small tracker that is also the
 * credential authority.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError } from '../../base/errors.ts'
import { systemClock, systemRandom } from '../../base/io/system.ts'
import { createNativeBls } from '../../crypto/io/bls.ts'
import { createNodeEd25519 } from '../../crypto/io/ed25519.ts'
import type { EvmAddress } from '../../money/address.ts'
import { type DevChain, startDevChain } from '../../money/io/anvil.ts'
import { connectEvm } from '../../money/io/evm/chain.ts'
import { deployContracts } from '../../money/io/evm/deploy.ts'
import { openWallet } from '../../money/io/wallet.ts'
import type { Network } from '../../money/network.ts'
import { formatConfig, parseConfig } from '../../node/config.ts'
import { homeAt } from '../../node/home.ts'
import { Keys } from '../../node/keys.ts'
import { createAuthority, createMemoryAuthorityStore } from '../../tally/authority.ts'
import { scopeIdOf } from '../../tally/scope.ts'
import { credentialEndpoints } from '../../tracker/credential-endpoints.ts'
import { createSmallTracker } from '../../tracker/io/announce-server.ts'

const FUNDS_WEI = 10n ** 18n
const ANNOUNCED_POLL_MS = 20
const ANNOUNCED_TIMEOUT_MS = 120_000

export type Stage = AsyncDisposable & {
  readonly announceUrl: string
  readonly rpcUrl: string
  /** Resolves once the tracker has been told so often: nobody who announced before finds those who come after. */
  announced(times: number): Promise<void>
  /** config.toml of everyone who takes part. */
  readonly config: string
  balance(address: EvmAddress): Promise<bigint>
  /** Transactions an address has sent. */
  transactions(address: EvmAddress): Promise<number>
  /** Makes the wallet of a home, gives it gas money, and says its address. */
  fundedWallet(homePath: string): Promise<EvmAddress>
}

/** Before anyone else is there, so that nobody races to deploy. */
async function deploy(chain: DevChain): Promise<Network> {
  await using wallet = openWallet(systemRandom.bytes(32))
  await chain.fund(wallet.address, FUNDS_WEI)
  return await deployContracts(await connectEvm({ url: chain.url }), { wallet })
}

export async function openStage(): Promise<Stage> {
  await using opened = new AsyncDisposableStack()
  const chain = opened.use(await startDevChain())
  const network = await deploy(chain)
  const ed25519 = createNodeEd25519()
  const key = await ed25519.generate()
  const authority = createAuthority(
    { scope: scopeIdOf({ kind: 'tracker', key: key.publicKey }), key },
    {
      store: createMemoryAuthorityStore(),
      ed25519,
      bls: createNativeBls(),
      nowS: () => Math.floor(systemClock.nowMs() / 1000),
    },
  )
  const tracker = opened.use(
    await createSmallTracker(
      {},
      {
        clock: systemClock,
        random: systemRandom,
        endpoints: credentialEndpoints(authority, { random: systemRandom }),
      },
    ),
  )
  const config = formatConfig(
    parseConfig({
      bittorrent: { host: '127.0.0.1', port: 0 },
      http: { host: '127.0.0.1', port: 0 },
      network: { allow_private: true },
      tally: { authority: tracker.url },
      money: {
        rpc_url: chain.url,
        channel_contract: network.channels,
        batch_pay_contract: network.batchPay,
        spend_max_wei: String(FUNDS_WEI / 2n),
      },
    }),
  )
  const ask = async (method: string, address: EvmAddress) =>
    BigInt((await chain.rpc(method, [address, 'latest'])) as string)
  const stack = opened.move()
  return {
    announceUrl: tracker.announceUrls.http[0]!,
    rpcUrl: chain.url,
    announced: async (times) => {
      const endMs = systemClock.monotonicMs() + ANNOUNCED_TIMEOUT_MS
      while ((tracker.status().counts['announce'] ?? 0) < times) {
        if (systemClock.monotonicMs() > endMs)
          throw new CodedError('DEMO_TRACKER', 'a seeder does not announce')
        await sleep(ANNOUNCED_POLL_MS)
      }
    },
    config,
    balance: (address) => ask('eth_getBalance', address),
    transactions: async (address) => Number(await ask('eth_getTransactionCount', address)),
    fundedWallet: async (homePath) => {
      await using wallet = openWallet(await new Keys(homeAt(homePath), undefined).wallet())
      await chain.fund(wallet.address, FUNDS_WEI)
      return wallet.address
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
