/**
 * `doctor`: checks this machine; exit code 1 when something cannot work.
 *
 * @module
 */
import { examine } from '../node/doctor.ts'
import type { Context } from './context.ts'

const MARK = { ok: 'ok     ', warning: 'WARNING', failed: 'FAILED ' } as const

export async function doctor(context: Context): Promise<void> {
  const findings = await examine(context.home)
  const healthy = findings.every(({ verdict }) => verdict !== 'failed')
  context.output.result(
    { ok: healthy, findings },
    findings.map(({ what, verdict, detail }) => `${MARK[verdict]} ${what.padEnd(12)} ${detail}`),
  )
  if (!healthy) process.exitCode = 1
}
