/**
 * `config show` and `config check`.
 *
 * @module
 */
import { formatConfig } from '../node/config.ts'
import type { Context } from './context.ts'

export async function configShow(context: Context): Promise<void> {
  const config = await context.config()
  context.output.result(config, [formatConfig(config).trimEnd()])
}

/** Throws what is wrong; says so when nothing is. */
export async function configCheck(context: Context): Promise<void> {
  await context.config()
  context.output.result({ ok: true, home: context.home.path }, [`config is right (${context.home.path})`])
}
