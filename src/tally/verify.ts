/**
 * Judges reports, cheapest and most telling checks first, with a verdict and a reason for each.
 *
 * Source: design section 3, "Verification": the order of the checks is its.
 *
 * @module
 */
import { bytesEqual } from '../base/bytes.ts'
import { codeOf, DecodeError } from '../base/errors.ts'
import type { ScopeId } from '../base/ids.ts'
import type { Bls, BlsItem } from '../crypto/bls.ts'
import { verifyEach } from '../crypto/bls.ts'
import { type Ed25519, isStrictPublicKey } from '../crypto/ed25519.ts'
import { closeMessage } from './close.ts'
import { covers, decodeCredential, type SignedBytes } from './credential.ts'
import { digest } from './digest.ts'
import type { CredentialCache } from './handshake.ts'
import { decodeOpen, OPENED_SKEW_S, type Open, sessionIdOf } from './open.ts'
import type { Report } from './report.ts'
import { decodeRunSet } from './runs.ts'
import { BILATERAL_SCOPE } from './scope.ts'
import { decodeTally, matchesOpen, type Tally } from './tally.ts'

/** Reports are taken, and their rows kept, this long after the session opened. */
export const REPORT_LIFE_S = 8 * 86_400
/** Reports judged at the same time. */
const CONCURRENT_MAX = 64

export type ReportRefusal =
  | 'malformed'
  | 'wrong-scope'
  | 'share-unknown'
  | 'credential-missing'
  | 'sender-credential'
  | 'receiver-credential'
  | 'account-unknown'
  | 'same-account'
  | 'possession-unproven'
  | 'session-mismatch'
  | 'weak-key'
  | 'sender-open-signature'
  | 'receiver-open-signature'
  | 'opened-in-future'
  | 'report-too-late'
  | 'no-bytes'
  | 'more-than-payload'
  | 'runs-mismatch'
  | 'tally-signature'

/** A member as the scope's authority knows it. */
export type Account = {
  readonly id: string
  readonly identity: Uint8Array
  readonly possessionProven: boolean
}
type Maybe<T> = T | undefined | Promise<T | undefined>

export type VerifyContext = {
  readonly scope: ScopeId
  /** Signs the scope's credentials. Undefined in bilateral scope, which has neither credentials nor accounts. */
  readonly authorityKey?: Uint8Array
  /** Payload of a registered share whose metainfo is held; undefined for others. */
  payloadBytesOf(share: Uint8Array): Maybe<number>
  /** Undefined: accounts cannot be looked up here (offline), keys stand for them. */
  readonly accountOf?: (swarmKey: Uint8Array) => Maybe<Account>
  /** Undefined: read long after, the age of reports does not matter. */
  readonly nowS?: number
  readonly ed25519: Pick<Ed25519, 'verify'>
  readonly credentials: CredentialCache
}

export type VerifiedReport = {
  readonly ok: true
  readonly open: Open
  readonly tally: Tally
  readonly session: Uint8Array
  /** Present when accounts could be looked up. */
  readonly sender?: Account
  readonly receiver?: Account
}
export type Verdict =
  | VerifiedReport
  | { readonly ok: false; readonly reason: ReportRefusal; readonly detail?: string }

const refuse = (reason: ReportRefusal, detail?: string): Verdict => ({
  ok: false,
  reason,
  ...(detail === undefined ? {} : { detail }),
})

/** Judges one report. Never throws on bytes from outside; its Close is judged by `verifyReports`. */
export async function verifyReport(report: Report, context: VerifyContext): Promise<Verdict> {
  let tally: Tally
  let open: Open
  try {
    tally = decodeTally(report.tally)
    open = decodeOpen(report.open)
  } catch (error) {
    return malformed(error)
  }
  if (!bytesEqual(tally.scope, context.scope)) return refuse('wrong-scope')
  const payloadBytes = await context.payloadBytesOf(tally.share)
  if (payloadBytes === undefined) return refuse('share-unknown')

  const members = await checkMembers(report, tally, context)
  if ('ok' in members) return members
  const session = sessionIdOf(report.open)
  if (!matchesOpen(tally, open, session)) return refuse('session-mismatch')
  if (!isStrictPublicKey(tally.senderKey) || !isStrictPublicKey(tally.receiverKey)) return refuse('weak-key')
  const { ed25519 } = context
  if (!(await ed25519.verify(open.senderKey, report.senderSignature, report.open))) {
    return refuse('sender-open-signature')
  }
  if (!(await ed25519.verify(open.receiverKey, report.receiverSignature, report.open))) {
    return refuse('receiver-open-signature')
  }
  const refusal = checkFigures(report, tally, { payloadBytes, nowS: context.nowS })
  if (refusal !== undefined) return refusal
  if (!(await ed25519.verify(tally.receiverKey, report.tallySignature, report.tally))) {
    return refuse('tally-signature')
  }
  return { ok: true, open, tally, session, ...members }
}

function malformed(error: unknown): Verdict {
  if (error instanceof DecodeError) return refuse('malformed', codeOf(error))
  throw error
}

type Members = { readonly sender?: Account; readonly receiver?: Account }

async function checkMembers(
  report: Report,
  tally: Tally,
  context: VerifyContext,
): Promise<Members | Verdict> {
  if (bytesEqual(tally.senderKey, tally.receiverKey)) return refuse('same-account')
  const { authorityKey, accountOf } = context
  if (authorityKey === undefined) {
    return bytesEqual(context.scope, BILATERAL_SCOPE) ? {} : refuse('credential-missing')
  }
  const { senderCredential, receiverCredential } = report
  if (senderCredential === undefined || receiverCredential === undefined) return refuse('credential-missing')
  if (!(await holds(senderCredential, tally.senderKey, { tally, authorityKey, context }))) {
    return refuse('sender-credential')
  }
  if (!(await holds(receiverCredential, tally.receiverKey, { tally, authorityKey, context }))) {
    return refuse('receiver-credential')
  }
  if (accountOf === undefined) return {}
  const sender = await accountOf(tally.senderKey)
  const receiver = await accountOf(tally.receiverKey)
  if (sender === undefined || receiver === undefined) return refuse('account-unknown')
  if (sender.id === receiver.id) return refuse('same-account')
  if (!sender.possessionProven || !receiver.possessionProven) return refuse('possession-unproven')
  return { sender, receiver }
}

async function holds(
  signed: SignedBytes,
  swarmKey: Uint8Array,
  { tally, authorityKey, context }: { tally: Tally; authorityKey: Uint8Array; context: VerifyContext },
): Promise<boolean> {
  try {
    const { scope, share, openedS } = tally
    return (
      covers(decodeCredential(signed.document), { scope, share, swarmKey }, openedS) &&
      (await context.credentials.verify(authorityKey, signed))
    )
  } catch (error) {
    if (error instanceof DecodeError) return false
    throw error
  }
}

function checkFigures(
  { runs }: Report,
  tally: Tally,
  { payloadBytes, nowS }: { payloadBytes: number; nowS: number | undefined },
): Verdict | undefined {
  if (nowS !== undefined) {
    if (tally.openedS > nowS + OPENED_SKEW_S) return refuse('opened-in-future')
    if (tally.openedS < nowS - REPORT_LIFE_S) return refuse('report-too-late')
  }
  if (tally.bytes === 0n) return refuse('no-bytes')
  if (tally.bytes > BigInt(payloadBytes)) return refuse('more-than-payload')
  if (runs === undefined) return undefined
  try {
    decodeRunSet(runs)
  } catch (error) {
    return malformed(error)
  }
  return bytesEqual(digest(runs), tally.blocks) ? undefined : refuse('runs-mismatch')
}

/** How a Close fared: it confirms a good report and can void only itself. */
export type CloseVerdict = 'none' | 'good' | 'bad' | 'wrong-identity' | 'not-judged'
export type JudgedReport = {
  readonly report: Report
  readonly verdict: Verdict
  readonly close: CloseVerdict
}

/** Judges many: Ed25519 side by side, all Closes in one random-weight batch that is bisected when something is bad. */
export async function verifyReports(
  reports: readonly Report[],
  context: VerifyContext,
  bls: Pick<Bls, 'verify' | 'verifyBatch'>,
): Promise<JudgedReport[]> {
  const judged: JudgedReport[] = []
  const waiting: { at: number; item: BlsItem }[] = []
  for (let start = 0; start < reports.length; start += CONCURRENT_MAX) {
    const part = reports.slice(start, start + CONCURRENT_MAX)
    const verdicts = await Promise.all(part.map((report) => verifyReport(report, context)))
    part.forEach((report, i) => {
      const verdict = verdicts[i]!
      const close = closeBefore(report, verdict)
      if (close === 'good') waiting.push({ at: judged.length, item: closeItem(report) })
      judged.push({ report, verdict, close })
    })
  }
  const good = await verifyEach(
    bls,
    waiting.map(({ item }) => item),
  )
  waiting.forEach(({ at }, i) => {
    if (!good[i]) judged[at] = { ...judged[at]!, close: 'bad' }
  })
  return judged
}

/** What can be said of a Close without the curve; `good` is provisional. */
function closeBefore({ close }: Report, verdict: Verdict): CloseVerdict {
  if (close === undefined) return 'none'
  if (!verdict.ok) return 'not-judged'
  if (close.identity.length !== 48 || close.signature.length !== 96) return 'bad'
  const { receiver } = verdict
  if (receiver !== undefined && !bytesEqual(receiver.identity, close.identity)) return 'wrong-identity'
  return 'good'
}

const closeItem = ({ close, tally }: Report): BlsItem => ({
  publicKey: close!.identity,
  message: closeMessage(close!.identity, tally),
  signature: close!.signature,
})
