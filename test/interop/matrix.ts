/**
 * Which transfers with other clients are tried, and how they are shown: every client, both directions, every
 * format it has, one file and a tree, by torrent and by magnet.
 *
 * @module
 */
import { aria2 } from './aria2.ts'
import { libtorrent } from './libtorrent.ts'
import type { Client, Format } from './peer.ts'
import { qbittorrent } from './qbittorrent.ts'
import { transmission } from './transmission.ts'

export type Content = 'file' | 'tree'
export type Link = 'torrent' | 'magnet'
export type Direction = '← us' | '→ us'
export type Case = {
  readonly client: Client
  readonly direction: Direction
  readonly format: Format
  readonly content: Content
  readonly link: Link
}

export const CLIENTS: readonly Client[] = [libtorrent, transmission, aria2, qbittorrent]
const DIRECTIONS: readonly Direction[] = ['← us', '→ us']
const CONTENTS: readonly Content[] = ['file', 'tree']
const LINKS: readonly Link[] = ['torrent', 'magnet']

export const nameOf = ({ client, direction, format, content, link }: Case) =>
  `${client.name} ${direction}: ${format}, ${content}, ${link}`

export function fullMatrix(): Case[] {
  const cases: Case[] = []
  for (const client of CLIENTS) {
    for (const direction of DIRECTIONS) {
      for (const format of client.formats) {
        for (const content of CONTENTS) {
          for (const link of LINKS) cases.push({ client, direction, format, content, link })
        }
      }
    }
  }
  return cases
}

/** A v1 file with each client; with libtorrent also a hybrid tree, a hybrid magnet and v2. */
export function shortMatrix(): Case[] {
  return fullMatrix().filter(({ client, format, content, link }) => {
    if (format === 'v1') return content === 'file' && link === 'torrent'
    if (client !== libtorrent) return false
    if (format === 'hybrid') return (content === 'tree') === (link === 'torrent')
    return content === 'file' && link === 'torrent'
  })
}

export type Result = Case & { readonly outcome: string }

const COLUMNS = ['v1 file', 'v1 tree', 'hybrid file', 'hybrid tree', 'v2 file', 'v2 tree']

/** The matrix as a table: a row for each client, direction and link; `·` where nothing was run. */
export function formatMatrix(results: readonly Result[], versions: ReadonlyMap<string, string>): string {
  const rows = new Map<string, string[]>()
  for (const { client, direction, format, content, link, outcome } of results) {
    const key = `${client.name} ${versions.get(client.name) ?? 'absent'} ${direction}, ${link}`
    const row = rows.get(key) ?? COLUMNS.map(() => '·')
    row[COLUMNS.indexOf(`${format} ${content}`)] = outcome
    rows.set(key, row)
  }
  const table = [['', ...COLUMNS], ...[...rows].map(([key, row]) => [key, ...row])]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  const lines = table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
  const notes = CLIENTS.flatMap(({ name, limits }) => (limits === undefined ? [] : [`${name}: ${limits}`]))
  return [lines, ...notes].join('\n')
}
