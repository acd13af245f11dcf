/**
 * The EVM settlement driver: our two contracts over any JSON-RPC endpoint.
 *
 * @module
 */
import { type Hex, TransactionReceiptNotFoundError } from 'viem'
import { BATCH_PAY_ABI } from '../../../../contracts/generated/batch-pay.ts'
import { TALLY_CHANNEL_ABI } from '../../../../contracts/generated/tally-channel.ts'
import { bytesEqual, fromHex } from '../../../base/bytes.ts'
import { CodedError } from '../../../base/errors.ts'
import { type EvmAddress, parseAddress } from '../../address.ts'
import type { AllocationView, ChannelView, Driver, Outcome, Submission } from '../../driver.ts'
import type { Network } from '../../network.ts'
import { lesser } from '../../wei.ts'
import type { Wallet } from '../wallet.ts'
import { signCall } from './account.ts'
import { callOf, hex } from './calls.ts'
import { type EvmChain, type EvmEndpoint, evmChain } from './chain.ts'

export type EvmDriverSettings = EvmEndpoint & {
  readonly network: Network
  /** Blocks on top before a transaction or an allocation counts; 0 for a dev chain. */
  readonly confirmations?: number
}

/** Needs no chain to start when `network` is known (keep it in the home folder). */
export function createEvmDriver(
  settings: EvmDriverSettings,
  { wallet }: { readonly wallet: Wallet },
): Driver {
  const { network, confirmations = 0 } = settings
  const chain = evmChain(settings, network)
  const reader = new EvmReader(chain, network, confirmations)
  return {
    name: 'evm',
    can: { channel: true, manyPayees: true, batch: true, finality: { confirmations } },
    network,
    get health() {
      return chain.health
    },
    prepare: async (action, { replaces }) => {
      await reader.requireContract()
      const call = callOf(action, network, wallet.address)
      return chain.ask((client) => signCall(client, { wallet, chainId: network.chainId }, call, replaces))
    },
    send: async ({ raw }) => {
      await chain.ask((client) => client.sendRawTransaction({ serializedTransaction: raw as Hex }))
    },
    outcome: (submissions) => reader.outcome(submissions, wallet.address),
    channel: (channel) => reader.channel(channel),
    allocation: (channel, payee) => reader.allocation(channel, payee),
    batchDone: (batch) => reader.batchDone(wallet.address, batch),
    balance: (address) => chain.ask((client) => client.getBalance({ address })),
    [Symbol.asyncDispose]: async () => {},
  }
}

class EvmReader {
  readonly #chain: EvmChain
  readonly #network: Network
  readonly #confirmations: number
  #contractChecked = false

  constructor(chain: EvmChain, network: Network, confirmations: number) {
    this.#chain = chain
    this.#network = network
    this.#confirmations = confirmations
  }

  /** A contract made for another genesis would take our coins and honour no voucher of ours. */
  async requireContract(): Promise<void> {
    if (this.#contractChecked) return
    const genesis = await this.#chain.ask((client) =>
      client.readContract({
        address: this.#network.channels,
        abi: TALLY_CHANNEL_ABI,
        functionName: 'genesis',
      }),
    )
    if (!bytesEqual(fromHex(genesis.slice(2)), this.#network.genesis)) {
      throw new CodedError('CHAIN_WRONG', 'the channel contract was made for a chain with another genesis')
    }
    this.#contractChecked = true
  }

  async outcome(submissions: readonly Submission[], address: EvmAddress): Promise<Outcome> {
    // The count is read before the receipts: a transaction mined in between is then found, not taken for
    // replaced.
    const { settled, count } = await this.#chain.ask(async (client) => {
      const settled = (await client.getBlockNumber()) - BigInt(this.#confirmations)
      if (settled < 0n) return { settled, count: 0 }
      return { settled, count: await client.getTransactionCount({ address, blockNumber: settled }) }
    })
    for (const { hash } of submissions) {
      const receipt = await this.#receipt(hash as Hex)
      if (receipt === undefined) continue
      if (receipt.blockNumber > settled) return { status: 'pending' }
      const chainBlock = Number(receipt.blockNumber)
      if (receipt.status === 'reverted') return { status: 'reverted', hash, chainBlock }
      return { status: 'confirmed', hash, chainBlock, feeWei: receipt.gasUsed * receipt.effectiveGasPrice }
    }
    return { status: submissions.every(({ nonce }) => nonce < count) ? 'replaced' : 'pending' }
  }

  async channel(channel: Uint8Array): Promise<ChannelView> {
    const [payer, closingSince, deposit, allocated, claimed, , closed] = await this.#read(
      'channels',
      [hex(channel)],
      await this.#settledBlock(),
    )
    return {
      exists: BigInt(payer) !== 0n,
      payer: parseAddress(payer),
      depositWei: deposit,
      allocatedWei: allocated,
      claimedWei: claimed,
      closing: closingSince !== 0n || closed,
    }
  }

  /** The amount as of the settled block, the closing as of the latest: each the cautious way. */
  async allocation(channel: Uint8Array, payee: EvmAddress): Promise<AllocationView> {
    const args = [hex(channel), payee] as const
    const settled = await this.#settledBlock()
    const [then, now, state] = await Promise.all([
      this.#read('allocations', args, settled),
      settled === undefined ? undefined : this.#read('allocations', args, undefined),
      this.#read('channels', [hex(channel)], undefined),
    ])
    const [amount, claimed, reclaimSince] = now ?? then
    const [, closingSince, , , , , closed] = state
    return {
      amountWei: closed ? claimed : lesser(then[0], amount),
      claimedWei: claimed,
      closing: closingSince !== 0n || closed || reclaimSince !== 0n,
    }
  }

  batchDone(payer: EvmAddress, batch: Uint8Array): Promise<boolean> {
    const args = [payer, hex(batch)] as const
    const address = this.#network.batchPay
    return this.#chain.ask((client) =>
      client.readContract({ address, abi: BATCH_PAY_ABI, functionName: 'done', args }),
    )
  }

  #read<Name extends 'channels' | 'allocations'>(
    functionName: Name,
    args: Name extends 'channels' ? readonly [Hex] : readonly [Hex, EvmAddress],
    blockNumber: bigint | undefined,
  ) {
    const at = blockNumber === undefined ? {} : { blockNumber }
    const contract = { address: this.#network.channels, abi: TALLY_CHANNEL_ABI, functionName, args, ...at }
    return this.#chain.ask((client) => client.readContract(contract as never)) as Promise<
      Name extends 'channels'
        ? readonly [Hex, bigint, bigint, bigint, bigint, bigint, boolean]
        : readonly [bigint, bigint, bigint, bigint]
    >
  }

  /** Undefined means the latest block. */
  async #settledBlock(): Promise<bigint | undefined> {
    if (this.#confirmations === 0) return undefined
    const latest = await this.#chain.ask((client) => client.getBlockNumber())
    return latest > BigInt(this.#confirmations) ? latest - BigInt(this.#confirmations) : 0n
  }

  async #receipt(hash: Hex) {
    return this.#chain.ask(async (client) => {
      try {
        return await client.getTransactionReceipt({ hash })
      } catch (error) {
        if (error instanceof TransactionReceiptNotFoundError) return undefined
        throw error
      }
    })
  }
}
