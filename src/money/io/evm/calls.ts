/**
 * The contract call that each action is.
 *
 * @module
 */
import { encodeFunctionData, type Hex } from 'viem'
import { BATCH_PAY_ABI } from '../../../../contracts/generated/batch-pay.ts'
import { TALLY_CHANNEL_ABI } from '../../../../contracts/generated/tally-channel.ts'
import { toHex } from '../../../base/bytes.ts'
import type { EvmAddress } from '../../address.ts'
import type { Action, Payment } from '../../driver.ts'
import type { Network } from '../../network.ts'
import type { SignedVoucher } from '../../voucher.ts'
import type { Call } from './account.ts'

export const hex = (bytes: Uint8Array): Hex => `0x${toHex(bytes)}`
const payeesOf = (payments: readonly Payment[]) => payments.map(({ payee }) => payee)
const amountsOf = (payments: readonly Payment[]) => payments.map(({ amountWei }) => amountWei)
const sumOf = (payments: readonly Payment[]) => payments.reduce((sum, { amountWei }) => sum + amountWei, 0n)

/** `self` receives what is withdrawn. */
export function callOf(action: Action, network: Network, self: EvmAddress): Call {
  const toChannels = (data: Hex, value = 0n): Call => ({ to: network.channels, data, value })
  switch (action.type) {
    case 'open': {
      const { channelSalt, allocations, depositWei } = action
      const args = [hex(channelSalt), payeesOf(allocations), amountsOf(allocations)] as const
      return toChannels(
        encodeFunctionData({ abi: TALLY_CHANNEL_ABI, functionName: 'open', args }),
        depositWei,
      )
    }
    case 'top-up': {
      const args = [hex(action.channel)] as const
      return toChannels(
        encodeFunctionData({ abi: TALLY_CHANNEL_ABI, functionName: 'topUp', args }),
        action.amountWei,
      )
    }
    case 'allocate': {
      const { channel, allocations, topUpWei } = action
      const args = [hex(channel), payeesOf(allocations), amountsOf(allocations)] as const
      return toChannels(
        encodeFunctionData({ abi: TALLY_CHANNEL_ABI, functionName: 'allocate', args }),
        topUpWei,
      )
    }
    case 'claim': {
      const args = [[...claimsOf(action.vouchers), withdrawal(self)]] as const
      return toChannels(encodeFunctionData({ abi: TALLY_CHANNEL_ABI, functionName: 'multicall', args }))
    }
    case 'start-close':
    case 'finish-close': {
      const functionName = action.type === 'start-close' ? 'startClose' : 'finishClose'
      return toChannels(
        encodeFunctionData({ abi: TALLY_CHANNEL_ABI, functionName, args: [hex(action.channel)] }),
      )
    }
    case 'withdraw':
      return toChannels(withdrawal(self))
    case 'pay': {
      const args = [hex(action.batch), payeesOf(action.payments), amountsOf(action.payments)] as const
      const data = encodeFunctionData({ abi: BATCH_PAY_ABI, functionName: 'pay', args })
      return { to: network.batchPay, data, value: sumOf(action.payments) }
    }
  }
  action satisfies never
  return action
}

const withdrawal = (self: EvmAddress): Hex =>
  encodeFunctionData({ abi: TALLY_CHANNEL_ABI, functionName: 'withdraw', args: [self] })

/** One `claim` per channel, lanes ascending as the contract wants them. */
function claimsOf(vouchers: readonly SignedVoucher[]): Hex[] {
  const byChannel = Map.groupBy(vouchers, ({ channel }) => hex(channel))
  return [...byChannel].map(([channel, lanes]) => {
    const sorted = lanes
      .toSorted((a, b) => a.lane - b.lane)
      .map(({ lane, cumulativeWei, tally, signature }) => ({
        lane,
        cumulative: cumulativeWei,
        tally: hex(tally),
        signature: hex(signature),
      }))
    return encodeFunctionData({ abi: TALLY_CHANNEL_ABI, functionName: 'claim', args: [channel, sorted] })
  })
}
