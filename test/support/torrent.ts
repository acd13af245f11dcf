/**
 * A reader of .torrent files that shares no code with the product: just enough bencode to find the `info`
 * slice, so that tests can name a torrent by hashes and magnets that our own parser did not compute.
 *
 * Source: BEP 3 (bencode, info hash), BEP 9 (magnet), BEP 52 (`btmh`).
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'

type Value = number | Buffer | Value[] | Map<string, Value>
type Parsed = { readonly value: Value; readonly end: number }

function parse(bytes: Buffer, at: number, slices: Map<string, Buffer>): Parsed {
  const kind = String.fromCharCode(bytes[at]!)
  if (kind === 'i') {
    const end = bytes.indexOf('e', at)
    return { value: Number(bytes.toString('latin1', at + 1, end)), end: end + 1 }
  }
  if (kind === 'l' || kind === 'd') {
    const items: Value[] = []
    const keyed = new Map<string, Value>()
    let next = at + 1
    while (bytes[next] !== 0x65) {
      const item = parse(bytes, next, slices)
      next = item.end
      if (kind === 'l') {
        items.push(item.value)
        continue
      }
      const key = (item.value as Buffer).toString('latin1')
      const entry = parse(bytes, next, slices)
      if (at === 0) slices.set(key, bytes.subarray(next, entry.end))
      keyed.set(key, entry.value)
      next = entry.end
    }
    return { value: kind === 'l' ? items : keyed, end: next + 1 }
  }
  const colon = bytes.indexOf(':', at)
  const end = colon + 1 + Number(bytes.toString('latin1', at, colon))
  return { value: bytes.subarray(colon + 1, end), end }
}

export type TorrentFacts = {
  readonly name: string
  readonly infoHashV1?: string
  readonly infoHashV2?: string
  /** With every info hash that the torrent has. */
  readonly magnet: string
}

/** Reads what tests need to know of a well-formed torrent file. */
export async function readTorrent(file: string): Promise<TorrentFacts> {
  const slices = new Map<string, Buffer>()
  const root = parse(await readFile(file), 0, slices).value as Map<string, Value>
  const info = root.get('info') as Map<string, Value>
  const infoBytes = slices.get('info')!
  const hash = (name: string) => createHash(name).update(infoBytes).digest('hex')
  const infoHashV1 = info.has('pieces') ? hash('sha1') : undefined
  const infoHashV2 = info.get('meta version') === 2 ? hash('sha256') : undefined
  const name = String(info.get('name'))
  const topics = [
    ...(infoHashV1 === undefined ? [] : [`xt=urn:btih:${infoHashV1}`]),
    ...(infoHashV2 === undefined ? [] : [`xt=urn:btmh:1220${infoHashV2}`]),
  ]
  return {
    name,
    ...(infoHashV1 === undefined ? {} : { infoHashV1 }),
    ...(infoHashV2 === undefined ? {} : { infoHashV2 }),
    magnet: `magnet:?${topics.join('&')}&dn=${encodeURIComponent(name)}`,
  }
}
