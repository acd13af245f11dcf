/**
 * For tests of contracts: one call, with the name of the contract's error when it reverts.
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
import type { PrivateKeyAccount } from 'viem/accounts'

/** Sends a call and waits; rejects with `{ name }` of the contract's error. */
export async function callContract(
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
