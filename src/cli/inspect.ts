/**
 * `inspect`: says what a torrent, link or tally bundle holds, and verifies what can be verified.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { CodedError } from '../base/errors.ts'
import { parseLink } from '../content/link.ts'
import { parseTorrent } from '../content/metainfo.ts'
import { sha1, sha256 } from '../crypto/io/sha.ts'
import { describeShare } from '../node/describe.ts'
import { BUNDLE_FORMAT } from '../tally/bundle.ts'
import type { Context } from './context.ts'
import { describeLines } from './describe-lines.ts'
import { toJson } from './output.ts'
import { checkBundle, verdictLines } from './tally.ts'

const BENCODE_DICT = 0x64

export async function inspect(context: Context, text: string): Promise<void> {
  const link = parseLink(text)
  if (link.kind !== 'path') {
    context.output.result(link, toJson(link).split('\n'))
    return
  }
  const bytes = await readFile(link.path).catch((cause: unknown) => {
    throw new CodedError('NOT_FOUND', `expected a file or link, cannot read "${link.path}"`, { cause })
  })
  if (bytes[0] === BENCODE_DICT) {
    const share = describeShare(parseTorrent(bytes, { sha1, sha256 }))
    context.output.result({ kind: 'torrent', ...share }, describeLines(share))
    return
  }
  const content = bytes.toString('utf8')
  if (!content.slice(0, 200).includes(BUNDLE_FORMAT)) {
    throw new CodedError('UNKNOWN_FILE', `${link.path} is neither a torrent nor a tally bundle`)
  }
  const result = await checkBundle(content)
  context.output.result({ kind: 'tally-bundle', ...result }, verdictLines(result))
  if (!result.ok) process.exitCode = 1
}
