/**
 * `up`: a node that stays up: seeds everything kept in its home, over peers and HTTP, and settles what it is owed.
 *
 * @module
 */
import { messageOf } from '../base/errors.ts'
import { startDevChain } from '../money/io/anvil.ts'
import { lockHome } from '../node/home.ts'
import { keptShares } from '../node/home-shares.ts'
import { createNode } from '../node/node.ts'
import { seed } from '../node/seed.ts'
import { settleBeforeStop } from '../node/settle.ts'
import { type Context, password, untilStopped } from './context.ts'
import { listenAddresses, PROTOCOLS } from './listen.ts'

/** Enough gas on a chain of our own for any demonstration. */
const DEV_FUNDS_WEI = 10n ** 20n

export async function up(context: Context, options: { readonly chain: boolean }): Promise<void> {
  const { home, output, signal } = context
  let config = await context.config()
  await using opened = new AsyncDisposableStack()
  opened.use(await lockHome(home))
  const kept = await keptShares(home, output.log)
  const ownChain = options.chain && config.money.rpc_url === ''
  const chain = ownChain ? opened.use(await startDevChain({ dir: home.chain })) : undefined
  if (chain) {
    const { address } = await walletAddress(context)
    await chain.fund(address, DEV_FUNDS_WEI)
    config = { ...config, money: { ...config.money, rpc_url: chain.url, chain_id: chain.chainId } }
  }
  const node = opened.use(
    await createNode({
      home,
      config,
      ...password(),
      ...listenAddresses(config, {}, PROTOCOLS),
      withMoney: config.money.rpc_url !== '',
      log: output.log,
    }),
  )
  const seeds = opened.use(new AsyncDisposableStack())
  for (const share of kept) {
    try {
      seeds.use(await seed(node, { ...share, peers: [], protocols: PROTOCOLS, signal }))
    } catch (error) {
      output.log(`${share.share.name} is not seeded: ${messageOf(error)}`)
    }
  }
  const listening = {
    bittorrent: node.bittorrent.address,
    http: node.http?.address,
    chain: config.money.rpc_url || undefined,
    wallet: node.money?.wallet.address,
    shares: kept.map(({ share }) => share.name),
  }
  output.result({ ok: true, ...listening }, [
    `peers     port ${listening.bittorrent?.port ?? '–'}`,
    `http      port ${listening.http?.port ?? '–'}`,
    `chain     ${listening.chain ?? 'none'}${chain ? ' (development chain, started here)' : ''}`,
    `wallet    ${listening.wallet ?? '–'}`,
    ...listening.shares.map((name) => `seeding   ${name}`),
    'up until Ctrl-C',
  ])
  await untilStopped(signal)
  await seeds.disposeAsync()
  await settleBeforeStop(node)
}

async function walletAddress({ home }: Context) {
  const { Keys } = await import('../node/keys.ts')
  const { openWallet } = await import('../money/io/wallet.ts')
  await using wallet = openWallet(await new Keys(home, password().password).wallet())
  return { address: wallet.address }
}
