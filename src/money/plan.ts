/**
 * Which allocations to raise with what deposit: first come, first served, within the budget.
 *
 * @module
 */
import type { Payment } from './driver.ts'
import { greater, lesser } from './wei.ts'

export type Wanted = Payment & { readonly presentWei: bigint }

/** All totals; `depositWeiMax` is what the deposit may grow to. */
export function planAllocations(input: {
  readonly wanted: readonly Wanted[]
  readonly depositWei: bigint
  readonly allocatedWei: bigint
  readonly depositWeiMax: bigint
  readonly depositStepWei: bigint
}): { readonly topUpWei: bigint; readonly allocations: readonly Payment[] } {
  const { depositWei, depositWeiMax } = input
  const mostWei = greater(depositWeiMax, depositWei)
  const allocations: Payment[] = []
  let allocatedWei = input.allocatedWei
  for (const { payee, amountWei, presentWei } of input.wanted) {
    // What the budget leaves may be less than wanted, but still worth having.
    const raiseWei = lesser(amountWei - presentWei, mostWei - allocatedWei)
    if (raiseWei <= 0n) continue
    allocations.push({ payee, amountWei: presentWei + raiseWei })
    allocatedWei += raiseWei
  }
  const missingWei = allocatedWei - depositWei
  if (missingWei <= 0n) return { topUpWei: 0n, allocations }
  const stepWei = greater(missingWei, input.depositStepWei)
  return { topUpWei: lesser(stepWei, mostWei - depositWei), allocations }
}
