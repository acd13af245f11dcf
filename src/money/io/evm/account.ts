/**
 * Signing EVM transactions (EIP-1559) with a wallet's key: fee, gas and nonce are asked for, nothing is sent.
 *
 * @module
 */
import {
  type Hex,
  keccak256,
  type PublicClient,
  parseTransaction,
  type TransactionSerializedEIP1559,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { toHex } from '../../../base/bytes.ts'
import type { Submission } from '../../driver.ts'
import type { Wallet } from '../wallet.ts'

/** Estimates are of the present state; storage may change before the transaction is mined. */
const GAS_MARGIN_PERCENT = 130n
/** A replacement must pay at least 10 % more (geth, anvil); a quarter more leaves no doubt. */
const REPLACEMENT_PERCENT = 125n

export type Call = { readonly to?: Hex; readonly data: Hex; readonly value: bigint }

/** Signs a call. With `replaces`, for the same nonce at a higher fee. */
export async function signCall(
  client: PublicClient,
  { wallet, chainId }: { wallet: Wallet; chainId: number },
  call: Call,
  replaces?: Submission,
): Promise<Submission> {
  const account = privateKeyToAccount(`0x${toHex(wallet.secretKey)}`)
  const [gas, fees, nonce] = await Promise.all([
    client.estimateGas({ account: account.address, ...call }),
    client.estimateFeesPerGas(),
    replaces?.nonce ?? client.getTransactionCount({ address: account.address, blockTag: 'pending' }),
  ])
  const raw = await account.signTransaction({
    type: 'eip1559',
    chainId,
    nonce,
    gas: (gas * GAS_MARGIN_PERCENT) / 100n,
    ...raised(fees, replaces),
    ...call,
  })
  return { nonce, raw, hash: keccak256(raw) }
}

type Fees = { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint }

function raised(fees: Fees, replaces: Submission | undefined): Fees {
  if (replaces === undefined) return fees
  const before = parseTransaction(replaces.raw as TransactionSerializedEIP1559)
  const raise = (now: bigint, old = 0n) => {
    const least = (old * REPLACEMENT_PERCENT) / 100n + 1n
    return now > least ? now : least
  }
  return {
    maxFeePerGas: raise(fees.maxFeePerGas, before.maxFeePerGas),
    maxPriorityFeePerGas: raise(fees.maxPriorityFeePerGas, before.maxPriorityFeePerGas),
  }
}
