/**
 * For tests of the two contracts: a chain with both, three people with coins, and calls that reject with the name of the
 * contract's error.
 *
 * @module
 */
import {
  type Abi,
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  createWalletClient,
  decodeErrorResult,
  encodeFunctionData,
  type Hex,
  http,
} from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { BATCH_PAY_ABI } from '../../../../contracts/generated/batch-pay.ts'
import { TALLY_CHANNEL_ABI } from '../../../../contracts/generated/tally-channel.ts'
import { fromHex, toHex } from '../../../base/bytes.ts'
import { systemRandom } from '../../../base/io/system.ts'
import { signDigest } from '../../../crypto/secp256k1.ts'
import { channelIdOf } from '../../acceptance.ts'
import { type EvmAddress, parseAddress } from '../../address.ts'
import { domainSeparator } from '../../eip712.ts'
import type { Network } from '../../network.ts'
import { voucherDigest } from '../../voucher.ts'
import { startTestChain } from '../fixture.ts'

export const hex = (bytes: Uint8Array): Hex => `0x${toHex(bytes)}`
export const fresh = () => hex(systemRandom.bytes(32))

type Person = PrivateKeyAccount & { key: Uint8Array; evm: EvmAddress }

/** Sends a call and waits; rejects with `{ name }` of the contract's error. */
async function callContract(
  url: string,
  from: PrivateKeyAccount,
  to: Hex,
  abi: Abi,
  functionName: string,
  args: readonly unknown[],
  value = 0n,
) {
  const client = createPublicClient({ transport: http(url), cacheTime: 0, pollingInterval: 10 })
  const sender = createWalletClient({ transport: http(url) })
  try {
    await client.simulateContract({ account: from, address: to, abi, functionName, args, value } as never)
  } catch (error) {
    const reverted =
      error instanceof BaseError && error.walk((inner) => inner instanceof ContractFunctionRevertedError)
    if (reverted instanceof ContractFunctionRevertedError) throw { name: nameOf(reverted, abi) }
    throw error
  }
  const data = encodeFunctionData({ abi, functionName, args })
  const hash = await sender.sendTransaction({ account: from, to, data, value, chain: null })
  return client.waitForTransactionReceipt({ hash })
}

function nameOf(error: ContractFunctionRevertedError, abi: Abi): string {
  if (error.data?.errorName !== undefined) return error.data.errorName
  return error.raw === undefined || error.raw === '0x'
    ? 'nothing'
    : decodeErrorResult({ abi, data: error.raw }).errorName
}

/** Ends with `await using` or its dispose. */
export async function startContracts() {
  const world = await startTestChain({ closeDelayS: 60 })
  const client = createPublicClient({ transport: http(world.chain.url), cacheTime: 0, pollingInterval: 10 })
  const sender = createWalletClient({ transport: http(world.chain.url), pollingInterval: 10 })
  const person = async (): Promise<Person> => {
    const key = systemRandom.bytes(32)
    const account = privateKeyToAccount(hex(key))
    await world.chain.fund(parseAddress(account.address), 10n ** 20n)
    return { ...account, key, evm: parseAddress(account.address) }
  }
  const [payer, payee, other] = [await person(), await person(), await person()]
  const call = (from: Person, to: Hex, abi: Abi, name: string, args: readonly unknown[], value = 0n) =>
    callContract(world.chain.url, from, to, abi, name, args, value)
  const onChannel = (from: Person, name: string, args: readonly unknown[], value = 0n) =>
    call(from, world.network.channels, TALLY_CHANNEL_ABI as Abi, name, args, value)
  const onBatch = (from: Person, name: string, args: readonly unknown[], value = 0n) =>
    call(from, world.network.batchPay, BATCH_PAY_ABI as Abi, name, args, value)
  const read = (name: string, args: readonly unknown[]) =>
    client.readContract({
      address: world.network.channels,
      abi: TALLY_CHANNEL_ABI as Abi,
      functionName: name,
      args,
    })
  const credits = async (address: Hex) => (await read('credits', [address])) as bigint
  const allocated = async (channel: Hex, address: Hex) =>
    ((await read('allocations', [channel, address])) as bigint[])[0]

  const open = async (depositWei: bigint, payees: Hex[] = [], amounts: bigint[] = []): Promise<Hex> => {
    const salt = systemRandom.bytes(32)
    await onChannel(payer, 'open', [hex(salt), payees, amounts], depositWei)
    return hex(channelIdOf(world.network, payer.evm, salt))
  }

  const voucher = (
    channel: Hex,
    lane: number,
    cumulative: bigint,
    signed: { by?: Person; to?: Person; network?: Network } = {},
  ) => {
    const { by = payer, to = payee, network = world.network } = signed
    const tally = systemRandom.bytes(32)
    const fields = {
      channel: fromHex(channel.slice(2)),
      payee: to.evm,
      lane,
      cumulativeWei: cumulative,
      tally,
    }
    const signature = signDigest(by.key, voucherDigest(domainSeparator(network), fields))
    return { lane, cumulative, tally: hex(tally), signature: hex(signature) }
  }
  const deploy = async (bytecode: Hex): Promise<EvmAddress> => {
    const hash = await sender.sendTransaction({ account: payer, data: bytecode, chain: null })
    const { contractAddress } = await client.waitForTransactionReceipt({ hash })
    return parseAddress(contractAddress!)
  }
  return {
    ...world,
    ...{ client, payer, payee, other },
    ...{ call, onChannel, onBatch, read, credits, allocated, open, voucher, deploy },
  }
}
