/**
 * Deploys our two contracts, at addresses that follow from the chain and the closing delay alone where the
 * usual CREATE2 deployer is there (anvil has it built in), so that everyone on a chain finds the same ones.
 *
 * @module
 */
import { concatHex, encodeDeployData, getCreate2Address, type Hex, type PublicClient } from 'viem'
import { BATCH_PAY_ABI, BATCH_PAY_BYTECODE } from '../../../../contracts/generated/batch-pay.ts'
import { TALLY_CHANNEL_ABI, TALLY_CHANNEL_BYTECODE } from '../../../../contracts/generated/tally-channel.ts'
import { toHex } from '../../../base/bytes.ts'
import { CodedError } from '../../../base/errors.ts'
import { type EvmAddress, parseAddress } from '../../address.ts'
import type { Network } from '../../network.ts'
import type { Wallet } from '../wallet.ts'
import { signCall } from './account.ts'
import type { EvmChain } from './chain.ts'

/**
 * A day: a seller that looks at its channels every ten minutes misses a close only if it is off for a day.
 */
export const CLOSE_DELAY_S = 86_400
/**
 * The deterministic deployment proxy (github.com/Arachnid/deterministic-deployment-proxy): data = salt |
 * code.
 */
const CREATE2_DEPLOYER = '0x4e59b44847b379578588920cA78FbF26c0B4956C'
const SALT = `0x${'00'.repeat(32)}` as const
const RECEIPT_TIMEOUT_MS = 120_000

/**
 * Finds or deploys both contracts.
 *
 * @throws {CodedError<'CHAIN_UNREACHABLE' | 'CHAIN_WRONG' | 'CHAIN_REFUSED' | 'DEPLOY_FAILED'>}
 */
export async function deployContracts(
  chain: EvmChain,
  { wallet }: { readonly wallet: Wallet },
  { closeDelayS = CLOSE_DELAY_S }: { readonly closeDelayS?: number } = {},
): Promise<Network> {
  const channelCode = encodeDeployData({
    abi: TALLY_CHANNEL_ABI,
    bytecode: TALLY_CHANNEL_BYTECODE,
    args: [`0x${toHex(chain.genesis)}`, BigInt(closeDelayS)],
  })
  const batchCode = encodeDeployData({ abi: BATCH_PAY_ABI, bytecode: BATCH_PAY_BYTECODE })
  const channels = await deploy(chain, wallet, channelCode)
  const batchPay = await deploy(chain, wallet, batchCode)
  return { chainId: chain.chainId, genesis: chain.genesis, channels, batchPay }
}

async function deploy(chain: EvmChain, wallet: Wallet, code: Hex): Promise<EvmAddress> {
  const factory = await chain.ask((client) => hasCode(client, CREATE2_DEPLOYER))
  const expected = getCreate2Address({ from: CREATE2_DEPLOYER, salt: SALT, bytecode: code })
  if (factory && (await chain.ask((client) => hasCode(client, expected)))) return parseAddress(expected)
  const call = factory
    ? { to: CREATE2_DEPLOYER as Hex, data: concatHex([SALT, code]), value: 0n }
    : { data: code, value: 0n }
  const receipt = await chain.ask(async (client) => {
    const { raw } = await signCall(client, { wallet, chainId: chain.chainId }, call)
    const hash = await client.sendRawTransaction({ serializedTransaction: raw as Hex })
    return client.waitForTransactionReceipt({ hash, timeout: RECEIPT_TIMEOUT_MS, pollingInterval: 100 })
  })
  const address = factory ? expected : receipt.contractAddress
  const done =
    receipt.status === 'success' && address && (await chain.ask((client) => hasCode(client, address)))
  if (!done) throw new CodedError('DEPLOY_FAILED', 'the contract is not at its address after deployment')
  return parseAddress(address)
}

async function hasCode(client: PublicClient, address: Hex): Promise<boolean> {
  return ((await client.getCode({ address })) ?? '0x') !== '0x'
}
