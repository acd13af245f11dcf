/**
 * A web seed (BEP 19, "GetRight style") as a source: any HTTP server that has the files of a share.
 *
 * It is taken for a full holder until it answers 404, 410 or 416 for a file.
 *
 * @module
 */
import {
  DEFAULT_RANGE_SOURCE_SETTINGS,
  type RangeSource,
  type RangeSourceParts,
  type RangeSourceSettings,
} from '../contract.ts'
import { parseHttpUrl, webSeedFileUrl } from '../web-seed.ts'
import { HttpRangeSource } from './range-source.ts'

/**
 * Starts fetching from a `url-list` entry.
 *
 * @throws {DecodeError<'URL_MALFORMED' | 'URL_SCHEME' | 'URL_CREDENTIALS'>}
 */
export function createWebSeedSource(
  settings: Partial<RangeSourceSettings> & { readonly url: string },
  parts: RangeSourceParts,
): RangeSource {
  const { share } = parts
  const url = parseHttpUrl(settings.url)
  const all = { ...DEFAULT_RANGE_SOURCE_SETTINGS, ...settings }
  return new HttpRangeSource(all, parts, {
    protocol: 'webseed',
    share,
    url,
    startsFull: true,
    fileUrl: (file) => webSeedFileUrl(url, share, share.files[file]!.path),
    greet: async ({ createClient }) => ({
      client: createClient({ dialsMax: Number.POSITIVE_INFINITY, redirectsMax: all.redirectsMax }),
    }),
  })
}
