/**
 * What the demo has shown: what is missing for it to count, and the lines for people.
 *
 * @module
 */
import { formatBytes, formatSpan, formatSpeed } from '../format.ts'
import type { Play } from './play.ts'
import { FIRST_WINDOW_BYTES } from './run.ts'

/** What must be true for the demo to have shown what it claims. */
export function failures({ complete, tallies, seeders, faults, settlement }: Play): string[] {
  const missing: string[] = []
  if (!complete) missing.push('the downloaded files do not hash right')
  if (!tallies.ok || tallies.verified !== tallies.signed) missing.push('not every tally verified')
  const liar = seeders.find(({ fate }) => fate === 'lies')!
  if (!faults.some(({ kind, label }) => kind === 'lied' && label === liar.name))
    missing.push('the liar was not named')
  if (liar.paidWei > 0n) missing.push('the liar was paid')
  if (!faults.some(({ kind }) => kind === 'closed')) missing.push('nobody died')
  // A payment on its way to the dead is lost to it; the first one had arrived when it gave more than its first window.
  const owedFrom = (fate: string) => (fate === 'dies' ? FIRST_WINDOW_BYTES : 0)
  const unpaid = seeders.filter(
    ({ fate, verifiedBytes, paidWei }) => verifiedBytes > owedFrom(fate) && paidWei === 0n,
  )
  if (unpaid.length > 0) missing.push(`not paid: ${unpaid.map(({ name }) => name).join(', ')}`)
  if (settlement.paidWei === 0n) missing.push('nothing was settled')
  return missing
}

/** For people. */
export function lines(result: Play, missing: readonly string[]): string[] {
  const { seeders, tallies, settlement, buyer } = result
  return [
    `${formatBytes(result.bytes)} in ${formatSpan(result.downloadSeconds * 1000)} (${formatSpeed(result.bytes / result.downloadSeconds)}), verified`,
    'seeder  how   delivered    paid (wei)        balance before → after (wei, fees included)',
    ...seeders.map(
      (s) =>
        `${s.name.padEnd(7)} ${s.protocol.padEnd(5)} ${formatBytes(s.verifiedBytes).padStart(10)}  ${String(s.paidWei).padStart(16)}  ${s.beforeWei} → ${s.afterWei}${s.fate === 'honest' ? '' : `  ${s.fate}`}`,
    ),
    `buyer                                         ${buyer.beforeWei} → ${buyer.afterWei}`,
    `tallies: ${tallies.signed} sessions signed, ${tallies.verified} verified by another process, ${formatBytes(tallies.bytes)}`,
    `settled: ${settlement.paidWei} wei in ${settlement.transactions} transactions`,
    ...result.faults.map(
      ({ kind, label, detail }) =>
        `fault: ${label} ${kind === 'lied' ? 'served bad bytes' : 'died'} (${detail})`,
    ),
    missing.length === 0
      ? `ok, ${result.seconds.toFixed(1)} s from nothing to settlement`
      : `FAILED: ${missing.join('; ')}`,
  ]
}
