/**
 * A tally bundle: reports and what is needed to check them offline, as JSON.
 *
 * Source: docs/TALLY.md, "Bundle". Bytes are lower-case hex of their fixed length, amounts of bytes are integers.
 *
 * @module
 */
import * as v from 'valibot'
import { fromHex, toHex } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { IDENTITY_BYTES } from './binding.ts'
import { CREDENTIAL_BYTES } from './credential.ts'
import { OPEN_BYTES } from './open.ts'
import type { Report } from './report.ts'
import { RUN_BYTES, RUNS_MAX } from './runs.ts'
import { checkedScope, type Scope } from './scope.ts'
import { TALLY_BYTES } from './tally.ts'

export const BUNDLE_FORMAT = 'tallyswarm-bundle'
export const BUNDLE_VERSION = 1
/** Characters of the whole text: read no more from outside. */
export const BUNDLE_CHARS_MAX = 2 ** 26
export const BUNDLE_REPORTS_MAX = 10_000
const SCOPES_MAX = 64

/** `authorityKey` signs the scope's credentials: a tracker's is in its scope, a registry's is a claim of the bundle. */
export type BundleScope = { readonly scope: Scope; readonly authorityKey?: Uint8Array }
/** What the exporter says of a share; whoever has the torrent can do without. */
export type BundleShare = {
  readonly share: Uint8Array
  readonly payloadBytes: number
  readonly name?: string
}
export type Bundle = {
  readonly scopes: readonly BundleScope[]
  readonly shares: readonly BundleShare[]
  readonly reports: readonly Report[]
}

const hex = (bytes: number) =>
  v.pipe(v.string(), v.length(2 * bytes), v.regex(/^[0-9a-f]*$/), v.transform(fromHex))
const signature = hex(64)
const credential = v.strictObject({ document: hex(CREDENTIAL_BYTES), signature })
const runs = v.pipe(
  v.string(),
  v.maxLength(2 * RUN_BYTES * RUNS_MAX),
  v.regex(/^([0-9a-f]{16})*$/),
  v.transform(fromHex),
)
const reportSchema = v.strictObject({
  open: hex(OPEN_BYTES),
  senderSignature: signature,
  receiverSignature: signature,
  tally: hex(TALLY_BYTES),
  tallySignature: signature,
  senderCredential: v.exactOptional(credential),
  receiverCredential: v.exactOptional(credential),
  close: v.exactOptional(v.strictObject({ identity: hex(IDENTITY_BYTES), signature: hex(96) })),
  runs: v.exactOptional(runs),
})
const scopeSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('none') }),
  v.strictObject({ kind: v.literal('tracker'), key: hex(32) }),
  v.strictObject({
    kind: v.literal('registry'),
    chainId: v.pipe(
      v.string(),
      v.regex(/^(0|[1-9][0-9]{0,77})$/),
      v.transform((digits) => BigInt(digits)),
    ),
    genesis: hex(32),
    address: hex(20),
    authorityKey: hex(32),
  }),
])
const shareSchema = v.strictObject({
  share: hex(32),
  payloadBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  name: v.exactOptional(v.pipe(v.string(), v.maxLength(1024))),
})
const bundleSchema = v.strictObject({
  format: v.literal(BUNDLE_FORMAT),
  version: v.literal(BUNDLE_VERSION),
  scopes: v.pipe(v.array(scopeSchema), v.maxLength(SCOPES_MAX)),
  shares: v.pipe(v.array(shareSchema), v.maxLength(BUNDLE_REPORTS_MAX)),
  reports: v.pipe(v.array(reportSchema), v.maxLength(BUNDLE_REPORTS_MAX)),
})

function scopeOf(read: v.InferOutput<typeof scopeSchema>): BundleScope {
  switch (read.kind) {
    case 'none':
      return { scope: read }
    case 'tracker':
      return { scope: read, authorityKey: read.key }
    case 'registry': {
      const { authorityKey, ...scope } = read
      return { scope: checkedScope(scope), authorityKey }
    }
  }
}

/** @throws {DecodeError<'BUNDLE_SIZE' | 'BUNDLE_JSON' | 'BUNDLE_FIELD' | 'SCOPE_FIELD'>} */
export function parseBundle(text: string): Bundle {
  if (text.length > BUNDLE_CHARS_MAX) throw new DecodeError('BUNDLE_SIZE', 'the bundle is too large')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new DecodeError('BUNDLE_JSON', 'the bundle is not JSON', { cause })
  }
  const read = v.safeParse(bundleSchema, value, { abortEarly: true })
  if (!read.success) {
    const [issue] = read.issues
    throw new DecodeError(
      'BUNDLE_FIELD',
      `${v.getDotPath(issue) ?? 'bundle'}: ${issue.message.slice(0, 200)}`,
    )
  }
  const { scopes, shares, reports } = read.output
  return { scopes: scopes.map(scopeOf), shares, reports }
}

/** JSON of a bundle, one report a line. */
export function formatBundle({ scopes, shares, reports }: Bundle): string {
  const fields = { format: BUNDLE_FORMAT, version: BUNDLE_VERSION }
  const flat = scopes.map(({ scope, authorityKey }) =>
    scope.kind === 'registry' ? { ...scope, authorityKey } : scope,
  )
  const lines = (values: readonly object[]) =>
    values.map((value) => `\n    ${JSON.stringify(value, asText)}`).join(',')
  return `${JSON.stringify(fields).slice(0, -1)},
  "scopes": [${lines(flat)}],
  "shares": [${lines(shares)}],
  "reports": [${lines(reports)}]
}
`
}

function asText(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value)
  return typeof value === 'bigint' ? value.toString() : value
}
