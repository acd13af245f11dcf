// Goal: what is written for a share that came by magnet reads back as the same share, info bytes to the letter.
import { deepEqual, equal } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { toHex } from '../base/bytes.ts'
import { formatTorrent } from './format-torrent.ts'
import { parseInfo, parseTorrent } from './metainfo.ts'

const VECTORS = join(import.meta.dirname, '../../test/vectors/torrents')

for (const name of readdirSync(VECTORS).filter((file) => file.endsWith('.torrent'))) {
  test(`${name} comes back`, () => {
    const original = parseTorrent(readFileSync(join(VECTORS, name)))
    const byMagnet = { ...parseInfo(original.infoBytes), pieceLayers: original.pieceLayers }
    const trackers = [['http://a.example/announce', 'udp://b.example:1'], ['http://c.example/announce']]
    const again = parseTorrent(formatTorrent(byMagnet, { trackers, webSeeds: ['http://w.example/'] }))
    equal(toHex(again.infoBytes), toHex(original.infoBytes))
    deepEqual(again.pieceLayers, original.pieceLayers)
    deepEqual([again.trackers, again.webSeeds], [trackers, ['http://w.example/']])
  })
}
