/**
 * Which chain money moves on, and our contracts there.
 *
 * @module
 */
import type { EvmAddress } from './address.ts'

/** The genesis hash is part of every signature (EIP-712 salt): a chain id alone can be anybody's. */
export type Network = {
  readonly chainId: number
  /** 32 bytes: the hash of block 0. */
  readonly genesis: Uint8Array
  readonly channels: EvmAddress
  readonly batchPay: EvmAddress
}
