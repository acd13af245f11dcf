/**
 * The HTTP side of one download: nodes the user named, and the web seeds its torrent names.
 *
 * @module
 */
import { systemClock, systemRandom } from '../base/io/system.ts'
import type { Share } from '../content/share.ts'
import type { RangeSource } from '../http/contract.ts'
import { createHttpSource } from '../http/io/http-source.ts'
import { createWebSeedSource } from '../http/io/web-seed-source.ts'
import type { TallyLinkFactory } from '../tally/link.ts'
import type { Download } from '../transfer/io/download.ts'
import type { SourceTerms } from '../transfer/source.ts'
import type { Node } from './node.ts'

/** A torrent may name hundreds of web seeds; these many are used at once. */
const WEB_SEEDS_MAX = 8

export type HttpSources = AsyncDisposable & { readonly sources: readonly RangeSource[] }

/** Starts every source; one that cannot be used (a bad URL) is named to the node's log and left out. */
export function openHttpSources(
  node: Node,
  urls: { readonly nodes: readonly string[]; readonly webSeeds: readonly string[] },
  parts: {
    readonly share: Share
    readonly download: Download
    readonly terms: SourceTerms
    readonly tallyLinks?: TallyLinkFactory
  },
): HttpSources {
  const { log, config } = node.options
  const { share, download, terms, tallyLinks } = parts
  const common = {
    share,
    attach: (source: Parameters<Download['attach']>[0]) => download.attach(source, terms),
    clock: systemClock,
    random: systemRandom,
  }
  const sources: RangeSource[] = []
  const start = (url: string, create: () => RangeSource) => {
    try {
      const source = create()
      sources.push(source)
      void source.ended.then(({ code, cause }) => {
        if (code === 'failed') log(`${url} is no longer used: ${cause ?? 'it failed'}`)
      })
    } catch (error) {
      log(`${url} cannot be used: ${(error as Error).message}`)
    }
  }
  for (const url of urls.nodes) {
    const links = tallyLinks ? { tallyLinks } : {}
    start(url, () =>
      createHttpSource({ url, origin: 'user' }, { ...common, peerId: node.bittorrent.peerId, ...links }),
    )
  }
  const allowPrivateAddresses = config.network.allow_private
  for (const url of urls.webSeeds.slice(0, WEB_SEEDS_MAX)) {
    start(url, () => createWebSeedSource({ url, origin: 'torrent', allowPrivateAddresses }, common))
  }
  return {
    sources,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(sources.map((source) => source[Symbol.asyncDispose]()))
    },
  }
}
