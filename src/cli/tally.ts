/**
 * `tally list | export | verify`.
 *
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises'
import { toHex } from '../base/bytes.ts'
import { systemClock } from '../base/io/system.ts'
import { createNativeBls } from '../crypto/io/bls.ts'
import { createNodeEd25519 } from '../crypto/io/ed25519.ts'
import { lockHome } from '../node/home.ts'
import { bundleContext, scopeNames } from '../node/tally-context.ts'
import { formatBundle, parseBundle } from '../tally/bundle.ts'
import { openTallyStore } from '../tally/io/tally-store.ts'
import { decodeOpen } from '../tally/open.ts'
import { reportOf } from '../tally/report.ts'
import type { StoredSession } from '../tally/store.ts'
import { type BundleResult, verifyBundle } from '../tally/verify-bundle.ts'
import type { Context } from './context.ts'
import { formatBytes } from './format.ts'

async function storedSessions({ home }: Context): Promise<StoredSession[]> {
  await using lock = await lockHome(home)
  void lock
  await using store = await openTallyStore(home.tallies, {
    nowS: () => Math.floor(systemClock.nowMs() / 1000),
  })
  return store.sessions()
}

export async function tallyList(context: Context): Promise<void> {
  const { scopes, shares } = await bundleContext(context.home)
  const names = new Map(shares.map(({ share, name }) => [toHex(share), name]))
  const scopeOf = scopeNames(scopes)
  const counting = (await storedSessions(context)).filter(({ newest }) => newest !== undefined)
  const rows = counting.map((stored) => {
    const open = decodeOpen(stored.open)
    return {
      session: toHex(stored.session),
      role: stored.role,
      share: names.get(toHex(open.share)) ?? toHex(open.share),
      scope: scopeOf.get(toHex(open.scope)) ?? toHex(open.scope),
      peer: toHex(stored.role === 'sender' ? open.receiverKey : open.senderKey),
      opened: new Date(open.openedS * 1000).toISOString(),
      bytes: Number(stored.newest?.bytes ?? 0n),
    }
  })
  context.output.result(
    { sessions: rows },
    rows.map(
      (row) =>
        `${row.opened}  ${row.role === 'sender' ? 'sent to  ' : 'got from '} ${row.peer.slice(0, 16)}…  ${formatBytes(row.bytes).padStart(10)}  ${row.scope}  ${row.share}`,
    ),
  )
}

export async function tallyExport(context: Context, file: string | undefined): Promise<void> {
  const reports = (await storedSessions(context)).flatMap(
    (stored) => reportOf(stored, { withRuns: true }) ?? [],
  )
  const bundle = formatBundle({ ...(await bundleContext(context.home)), reports })
  if (file === undefined) {
    process.stdout.write(bundle)
    return
  }
  await writeFile(file, bundle)
  context.output.result({ ok: true, file, reports: reports.length }, [`${reports.length} tallies in ${file}`])
}

/** Lines for people; also what `inspect` prints of a bundle. */
export function verdictLines(result: BundleResult): string[] {
  const lines = result.verdicts.map((verdict, i) =>
    verdict.ok
      ? `ok      ${toHex(verdict.session!).slice(0, 16)}…  ${formatBytes(Number(verdict.bytes))}  from ${toHex(verdict.senderKey!).slice(0, 16)}… to ${toHex(verdict.receiverKey!).slice(0, 16)}…`
      : `REFUSED report ${i}: ${verdict.reason}${verdict.detail ? ` (${verdict.detail})` : ''}`,
  )
  return [
    ...lines,
    `${result.verified} of ${result.verdicts.length} verified, ${formatBytes(Number(result.bytes))}`,
  ]
}

export async function checkBundle(text: string): Promise<BundleResult> {
  return verifyBundle(parseBundle(text), { ed25519: createNodeEd25519(), bls: createNativeBls() })
}

/** Offline: needs nothing but the file. Exit code 1 when a report is refused. */
export async function tallyVerify(context: Context, file: string): Promise<void> {
  const result = await checkBundle(await readFile(file, 'utf8'))
  context.output.result(result, verdictLines(result))
  if (!result.ok) process.exitCode = 1
}
