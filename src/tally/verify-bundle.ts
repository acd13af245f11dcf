/**
 * Verifies a bundle offline: a verdict for each report, Closes in one batch.
 *
 * Source: design section 3, "Verification", without what only a tracker knows (accounts, its clock).
 *
 * @module
 */
import { toHex } from '../base/bytes.ts'
import type { Bls } from '../crypto/bls.ts'
import type { Ed25519 } from '../crypto/ed25519.ts'
import type { Bundle, BundleScope } from './bundle.ts'
import { CredentialCache } from './handshake.ts'
import type { Report } from './report.ts'
import { type Scope, scopeIdOf } from './scope.ts'
import { type CloseVerdict, type ReportRefusal, type VerifiedReport, verifyReports } from './verify.ts'

/** Offset of the scope in a tally. */
const SCOPE_AT = 16

export type BundleVerdict = {
  readonly ok: boolean
  readonly reason?: ReportRefusal | 'scope-unknown' | 'session-repeated'
  readonly detail?: string
  /** What kind of scope; undefined when the bundle does not describe it. */
  readonly scope?: Scope['kind']
  readonly close: CloseVerdict
  /** Present when it is good. */
  readonly session?: Uint8Array
  readonly share?: Uint8Array
  readonly senderKey?: Uint8Array
  readonly receiverKey?: Uint8Array
  readonly bytes?: bigint
}
export type BundleResult = {
  readonly ok: boolean
  /** In the bundle's order. */
  readonly verdicts: readonly BundleVerdict[]
  readonly verified: number
  /** Sum over good reports, each session once. */
  readonly bytes: bigint
}

/** `payloadBytesOf` is for callers that hold the torrents; without it the bundle's own figures are taken. */
export async function verifyBundle(
  bundle: Bundle,
  parts: {
    readonly ed25519: Pick<Ed25519, 'verify'>
    readonly bls: Pick<Bls, 'verify' | 'verifyBatch'>
    readonly payloadBytesOf?: (share: Uint8Array) => number | undefined
  },
): Promise<BundleResult> {
  const { ed25519, bls } = parts
  const claimed = new Map(bundle.shares.map(({ share, payloadBytes }) => [toHex(share), payloadBytes]))
  const payloadBytesOf = parts.payloadBytesOf ?? ((share: Uint8Array) => claimed.get(toHex(share)))
  const credentials = new CredentialCache(ed25519)
  const verdicts: BundleVerdict[] = bundle.reports.map(() => ({
    ok: false,
    reason: 'scope-unknown',
    close: 'not-judged',
  }))
  const sessions = new Set<string>()

  for (const [{ scope, authorityKey }, at] of byScope(bundle)) {
    const context = {
      scope: scopeIdOf(scope),
      ...(authorityKey === undefined ? {} : { authorityKey }),
      payloadBytesOf,
      ed25519,
      credentials,
    }
    const judged = await verifyReports(
      at.map((i) => bundle.reports[i]!),
      context,
      bls,
    )
    judged.forEach(({ verdict, close }, j) => {
      verdicts[at[j]!] = verdict.ok
        ? good(verdict, { close, kind: scope.kind, sessions })
        : { ...verdict, scope: scope.kind, close }
    })
  }
  const fine = verdicts.filter(({ ok }) => ok)
  return {
    ok: fine.length === verdicts.length && !verdicts.some(({ close }) => close === 'bad'),
    verdicts,
    verified: fine.length,
    bytes: fine.reduce((sum, { bytes }) => sum + (bytes ?? 0n), 0n),
  }
}

function good(
  { session, tally }: VerifiedReport,
  { close, kind, sessions }: { close: CloseVerdict; kind: Scope['kind']; sessions: Set<string> },
): BundleVerdict {
  const name = toHex(session)
  const { share, senderKey, receiverKey, bytes } = tally
  const facts = { scope: kind, close, session, share, senderKey, receiverKey, bytes }
  if (sessions.has(name)) return { ok: false, reason: 'session-repeated', ...facts }
  sessions.add(name)
  return { ok: true, ...facts }
}

/** Which reports (by index) are in each scope that the bundle describes. */
function byScope({ scopes, reports }: Bundle): Map<BundleScope, number[]> {
  const byId = new Map(scopes.map((scope) => [toHex(scopeIdOf(scope.scope)), scope]))
  const groups = new Map<BundleScope, number[]>()
  reports.forEach((report: Report, i) => {
    const scope = byId.get(toHex(report.tally.subarray(SCOPE_AT, SCOPE_AT + 32)))
    if (scope === undefined) return
    const group = groups.get(scope)
    if (group === undefined) groups.set(scope, [i])
    else group.push(i)
  })
  return groups
}
