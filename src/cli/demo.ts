/**
 * `demo`: a whole paid swarm on loopback, from start to settlement, with one seeder that dies and one that lies.
 *
 * Everything is the real thing: seeders are processes of this program with homes of their own, the chain is anvil with
 * our contracts, tallies are exported and verified by another process.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CodedError } from '../base/errors.ts'
import { type Context, UsageError } from './context.ts'
import { failures, lines } from './demo/outcome.ts'
import { play } from './demo/play.ts'

export async function demo(context: Context, options: { readonly size: string }): Promise<void> {
  const mib = Number(options.size)
  if (!Number.isSafeInteger(mib) || mib < 16 || mib > 65_536)
    throw new UsageError('--size takes MiB, 16 to 65536')
  const folder = await mkdtemp(join(tmpdir(), 'tallyswarm-demo-'))
  try {
    const result = await play(context, folder, mib * 2 ** 20)
    const missing = failures(result)
    context.output.result({ ok: missing.length === 0, missing, ...result }, lines(result, missing))
    if (missing.length > 0) process.exitCode = 1
  } catch (cause) {
    if (!context.signal.aborted) throw cause
    throw new CodedError('STOPPED', 'stopped before the end; everything it started has ended', { cause })
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
