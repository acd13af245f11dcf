/**
 * What a verifier must know beside the tallies themselves: the scopes they are in and the size of each share.
 * Kept in HOME/tally-context.json so that `tally export` needs no torrent.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { fromHex, toHex } from '../base/bytes.ts'
import { CodedError, codeOf } from '../base/errors.ts'
import type { ShareId } from '../base/ids.ts'
import type { BundleScope, BundleShare } from '../tally/bundle.ts'
import { type Scope, scopeIdOf } from '../tally/scope.ts'
import type { Home } from './home.ts'
import { writePrivately } from './keys.ts'

const hex32 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))
const FileSchema = v.strictObject({
  trackerKeys: v.array(hex32),
  shares: v.array(
    v.strictObject({ share: hex32, payloadBytes: v.pipe(v.number(), v.safeInteger()), name: v.string() }),
  ),
})
type File = v.InferOutput<typeof FileSchema>

const fileOf = (home: Home): string => join(home.path, 'tally-context.json')

async function read(home: Home): Promise<File> {
  try {
    return v.parse(FileSchema, JSON.parse(await readFile(fileOf(home), 'utf8')))
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return { trackerKeys: [], shares: [] }
    throw new CodedError('TALLY_CONTEXT', `${fileOf(home)} is damaged; delete it`, { cause })
  }
}

/** Adds a share and, where there is one, its tracker's scope. */
export async function noteContext(
  home: Home,
  about: {
    readonly share: ShareId
    readonly payloadBytes: number
    readonly name: string
    readonly scope?: Scope
  },
): Promise<void> {
  const file = await read(home)
  const share = toHex(about.share)
  const key = about.scope?.kind === 'tracker' ? toHex(about.scope.key) : undefined
  const knowsKey = key === undefined || file.trackerKeys.includes(key)
  if (knowsKey && file.shares.some((known) => known.share === share)) return
  const { payloadBytes, name } = about
  const shares = [...file.shares.filter((known) => known.share !== share), { share, payloadBytes, name }]
  const trackerKeys = knowsKey ? file.trackerKeys : [...file.trackerKeys, key]
  await writePrivately(fileOf(home), `${JSON.stringify({ trackerKeys, shares }, null, 2)}\n`)
}

/** Scopes (the bilateral one included) and shares, as a bundle carries them. */
export async function bundleContext(home: Home): Promise<{ scopes: BundleScope[]; shares: BundleShare[] }> {
  const { trackerKeys, shares } = await read(home)
  const scopes: BundleScope[] = [{ scope: { kind: 'none' } }]
  for (const key of trackerKeys) scopes.push({ scope: { kind: 'tracker', key: fromHex(key) } })
  return { scopes, shares: shares.map((known) => ({ ...known, share: fromHex(known.share) })) }
}

/** For people: what a scope is called. */
export function scopeNames(scopes: readonly BundleScope[]): Map<string, string> {
  return new Map(
    scopes.map(({ scope }) => [
      toHex(scopeIdOf(scope)),
      scope.kind === 'tracker' ? `tracker ${toHex(scope.key).slice(0, 16)}…` : 'bilateral',
    ]),
  )
}
