// Goal: refuse every torrent that is malformed, contradicts itself or could do harm, each with its code; and
// never fail in an unnamed way. What good torrents give is in io/vectors.test.ts.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { DecodeError } from '../base/errors.ts'
import { type Bencode, type BencodeInput, decodeBencode, encodeBencode } from './bencode.ts'
import { parseInfo, parseTorrent } from './metainfo.ts'

const vector = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../test/vectors/torrents/${name}.torrent`, import.meta.url)))

type Dict = { [key: string]: BencodeInput | undefined }
/** A decoded value as plain objects, to be changed and encoded again. */
const open = (value: Bencode): BencodeInput =>
  value instanceof Map
    ? Object.fromEntries([...value].map(([key, item]) => [key, open(item)]))
    : Array.isArray(value)
      ? value.map(open)
      : (value as BencodeInput)

/** The vector with some keys of `info` (and outside it) replaced. */
function changed(name: string, info: Dict, outside: Dict = {}): Uint8Array {
  const torrent = open(decodeBencode(vector(name))) as Dict
  return encodeBencode({ ...torrent, ...outside, info: { ...(torrent['info'] as Dict), ...info } })
}
const root = new Uint8Array(32).fill(1)
const leaf = (length: number, extra: Dict = {}) => ({ '': { length, 'pieces root': root, ...extra } })
const file = (length: number, ...path: string[]) => ({ length, path })
const pad = (length: number) => ({ attr: 'p', length, path: ['.pad', `${length}`] })

const refused: [string, string, Uint8Array][] = [
  ['FIELD_MISSING', 'no info', encodeBencode({ announce: 'x' })],
  ['FIELD_TYPE', 'info of another type', encodeBencode({ info: 1 })],
  ['FIELD_MISSING', 'no name', changed('single.v1', { name: undefined })],
  ['PATH_TRAVERSAL', 'a name that climbs', changed('single.v1', { name: '..' })],
  ['PATH_CHARACTER', 'an absolute name', changed('single.v1', { name: '/etc/passwd' })],
  ['NOT_UTF8', 'a name that is no text', changed('single.v1', { name: Uint8Array.of(0xff) })],
  ['FIELD_RANGE', 'no piece length to speak of', changed('single.v1', { 'piece length': 0 })],
  ['FIELD_RANGE', 'a piece over 128 MiB', changed('single.v1', { 'piece length': 2 ** 28 })],
  ['FIELD_RANGE', 'a negative length', changed('single.v1', { length: -1 })],
  ['FIELD_RANGE', 'a length beyond safe integers', changed('single.v1', { length: 2n ** 60n })],
  ['PIECES_LENGTH', 'a piece hash too few', changed('single.v1', { pieces: new Uint8Array(80) })],
  ['PIECES_LENGTH', 'half a hash', changed('single.v1', { pieces: new Uint8Array(99) })],
  ['FIELD_MISSING', 'no pieces', changed('single.v1', { pieces: undefined })],
  ['TOO_MANY_PIECES', 'pieces without end', changed('single.v1', { length: 2 ** 40 })],
  ['FILES_AND_LENGTH', 'a file and a folder at once', changed('single.v1', { files: [] })],
  ['NO_FILES', 'no files', changed('tree.v1', { files: [] })],
  ['NO_FILES', 'nothing but padding', changed('tree.v1', { files: [pad(5)] })],
  ['FIELD_TYPE', 'files that are no dictionaries', changed('tree.v1', { files: [1] })],
  [
    'FIELD_TYPE',
    'a path that is no list of names',
    changed('tree.v1', { files: [{ length: 1, path: [1] }] }),
  ],
  ['PATH_TRAVERSAL', 'a path that climbs', changed('tree.v1', { files: [file(1, 'a', '..', '..', 'b')] })],
  ['PATH_CLASH', 'one path twice', changed('tree.v1', { files: [file(1, 'a'), file(1, 'A')] })],
  [
    'TOTAL_TOO_LARGE',
    'lengths that overflow',
    changed('tree.v1', { files: [file(2 ** 53 - 1, 'a'), file(1, 'b')] }),
  ],
  ['SYMLINK', 'a symbolic link', changed('tree.v1', { files: [{ attr: 'l', length: 0, path: ['a'] }] })],
  ['TOO_MANY_FILES', 'files without end', changed('tree.v1', { files: new Array(400_001).fill('four') })],
  ['META_VERSION', 'a version to come', changed('single.v2', { 'meta version': 3 })],
  ['PIECE_LENGTH', 'v2 pieces that are no power of two', changed('single.v2', { 'piece length': 16_385 })],
  ['PIECE_LENGTH', 'v2 pieces below 16 KiB', changed('single.v2', { 'piece length': 8_192 })],
  ['FIELD_MISSING', 'v2 without a tree', changed('single.v2', { 'file tree': undefined })],
  ['NO_FILES', 'an empty tree', changed('single.v2', { 'file tree': {} })],
  ['FILE_TREE', 'a tree that is a file', changed('single.v2', { 'file tree': leaf(1) })],
  [
    'FILE_TREE',
    'a file that is a folder',
    changed('single.v2', { 'file tree': { a: { ...leaf(1), b: leaf(1) } } }),
  ],
  ['FILE_TREE', 'a number for a folder', changed('single.v2', { 'file tree': { a: 1 } })],
  ['FILE_TREE', 'padding in a tree', changed('single.v2', { 'file tree': { a: leaf(1, { attr: 'p' }) } })],
  ['PATH_TRAVERSAL', 'a tree that climbs', changed('single.v2', { 'file tree': { '..': { a: leaf(1) } } })],
  ['PATH_CHARACTER', 'a separator in a tree', changed('single.v2', { 'file tree': { '../a': leaf(1) } })],
  [
    'PATH_CLASH',
    'names that clash in a tree',
    changed('single.v2', { 'file tree': { A: leaf(1), a: leaf(1) } }),
  ],
  [
    'FIELD_LENGTH',
    'a short root',
    changed('single.v2', { 'file tree': { a: leaf(1, { 'pieces root': 'x' }) } }),
  ],
  [
    'FIELD_MISSING',
    'no root',
    changed('single.v2', { 'file tree': { a: leaf(1, { 'pieces root': undefined }) } }),
  ],
  ['FIELD_MISSING', 'no piece layers', changed('single.v2', {}, { 'piece layers': undefined })],
  ['FIELD_MISSING', 'a piece layer missing', changed('single.v2', {}, { 'piece layers': {} })],
  [
    'BENCODE_TOO_DEEP',
    'a tree without end',
    new TextEncoder().encode(`d4:infod9:file tree${'d1:a'.repeat(9999)}`),
  ],
  [
    'TOO_MANY_URLS',
    'trackers without end',
    changed('single.v1', {}, { 'announce-list': [new Array(201).fill('u')] }),
  ],
  [
    'TOO_MANY_URLS',
    'web seeds without end',
    changed('single.v1', {}, { 'url-list': new Array(201).fill('u') }),
  ],
  ['URL_TOO_LONG', 'a URL too long', changed('single.v1', {}, { announce: 'u'.repeat(2049) })],
  ['FIELD_TYPE', 'a tier that is no list', changed('single.v1', {}, { 'announce-list': ['u'] })],
  ['FIELD_TYPE', 'a URL that is no string', changed('single.v1', {}, { 'url-list': [1] })],
  ['CLAIMS_COUNT', 'claims for other files', changed('single.v1', {}, { tallyswarm: { files: [] } })],
  ['FIELD_LENGTH', 'a short cid', changed('single.v1', {}, { tallyswarm: { files: [{ cid: 'x' }] } })],
  ['FIELD_TYPE', 'a claim of another type', changed('single.v1', {}, { tallyswarm: { files: [1] } })],
]
for (const [code, what, bytes] of refused) {
  test(`refuses ${what}: ${code}`, () => throws(() => parseTorrent(bytes), { name: 'DecodeError', code }))
}

test('refuses piece layers that do not make the root, or are of another length', () => {
  const torrent = decodeBencode(vector('single.v2')) as Map<string, Bencode>
  const [[key, layer]] = torrent.get('piece layers') as unknown as [[string, Uint8Array]]
  const with_ = (bytes: Uint8Array) => changed('single.v2', {}, { 'piece layers': { [key]: bytes } })
  equal(parseTorrent(with_(layer)).pieceLayers.size, 1)
  for (const bad of [
    layer.with(0, layer[0]! ^ 1),
    layer.subarray(32),
    new Uint8Array([...layer, ...new Uint8Array(32)]),
  ]) {
    throws(() => parseTorrent(with_(bad)), { code: 'PIECE_LAYER_MISMATCH' })
  }
})

test('refuses a hybrid whose halves differ in name, length, order, padding or shape', () => {
  const torrent = open(decodeBencode(vector('tree.hybrid'))) as { info: { files: Dict[] } }
  const { files } = torrent.info
  const edited = (edit: (list: Dict[]) => Dict[]) =>
    changed('tree.hybrid', { files: edit(structuredClone(files)) })
  equal(parseTorrent(edited((list) => list)).version, 'hybrid')
  // A trailing pad is optional: newer libtorrent leaves it out.
  equal(parseTorrent(edited((list) => list.slice(0, -1))).version, 'hybrid')
  const edits: ((list: Dict[]) => Dict[])[] = [
    (list) => list.with(0, { ...list[0], path: ['b.bin'] }),
    (list) => list.with(0, { ...list[0], length: 99_999n }).with(1, { ...list[1], length: 14_689n }),
    (list) => list.slice(1),
    (list) => [...list, file(0, 'more')],
    (list) => list.with(1, { ...list[1], attr: undefined }),
    (list) => list.with(1, { ...list[1], length: 14_687n }),
    (list) => [...list.slice(2), ...list.slice(0, 2)],
  ]
  for (const edit of edits) {
    throws(
      () => parseTorrent(edited(edit)),
      (error: DecodeError) => /HYBRID_MISMATCH|PIECES_LENGTH/.test(error.code),
    )
  }
  const tail = { files: [...files, pad(16_384)], pieces: new Uint8Array(260) }
  throws(() => parseTorrent(changed('tree.hybrid', tail)), { code: 'HYBRID_MISMATCH' })
  const oneFile = { files: undefined, length: 70_000, name: 'single' }
  throws(() => parseTorrent(changed('tree.hybrid', oneFile)), { code: 'HYBRID_MISMATCH' })
})

test('refuses more than 200,000 files in either version', () => {
  const names = Array.from({ length: 200_001 }, (_, i) => `file-${String(i).padStart(6, '0')}`)
  const tail = '4:name1:x12:piece lengthi16384e'
  const tree = names.map((name) => `11:${name}d0:d6:lengthi0eee`).join('')
  const list = names.map((name) => `d6:lengthi0e4:pathl11:${name}ee`).join('')
  for (const info of [
    `d9:file treed${tree}e12:meta versioni2e${tail}e`,
    `d5:filesl${list}e${tail}6:pieces0:e`,
  ]) {
    throws(() => parseInfo(new TextEncoder().encode(info)), { code: 'TOO_MANY_FILES' })
  }
})

test('a lone v2 file is called as the tree calls it; v1 names may be given in UTF-8 apart', () => {
  const v2 = parseTorrent(changed('single.v2', { name: 'something else' }))
  deepEqual([v2.name, v2.singleFile, v2.files[0]!.path], ['single', true, 'single'])
  const v1 = parseTorrent(changed('single.v1', { name: Uint8Array.of(0xe9), 'name.utf-8': 'é' }))
  equal(v1.name, 'é')
})

test('reads what lies outside info', () => {
  const share = parseTorrent(
    changed(
      'single.v1',
      { private: 1 },
      {
        announce: 'http://a/',
        'announce-list': [['http://b/', 'udp://c:1'], [], ['']],
        'url-list': 'http://seed/',
        tallyswarm: { files: [{ cid: new Uint8Array(32).fill(7), ed2k: new Uint8Array(16).fill(9) }] },
      },
    ),
  )
  deepEqual(share.trackers, [['http://b/', 'udp://c:1']])
  deepEqual(share.webSeeds, ['http://seed/'])
  equal(share.private, true)
  deepEqual([share.files[0]!.cid?.[0], share.files[0]!.ed2k?.[0]], [7, 9])
  const plain = parseTorrent(
    changed('single.v1', {}, { announce: 'http://a/', 'url-list': ['http://s/', ''] }),
  )
  deepEqual([plain.trackers, plain.webSeeds], [[['http://a/']], ['http://s/']])
})

test('the info hash is over the bytes as they came, unknown keys included', () => {
  const share = parseTorrent(changed('single.v1', { source: 'X' }))
  deepEqual(parseInfo(share.infoBytes).infoHashV1, share.infoHashV1)
})

test('a share does not change with the buffer it was read from', () => {
  const torrent = vector('tree.hybrid')
  const { infoBytes } = parseTorrent(torrent)
  for (const [read, bytes] of [
    [parseTorrent, torrent],
    [parseInfo, infoBytes],
  ] as const) {
    const buffer = bytes.slice()
    const share = read(buffer)
    buffer.fill(0)
    deepEqual(share, read(bytes))
  }
})

test('any change of a byte parses or raises DecodeError', () => {
  const names = ['tree.v1', 'tree.v2', 'tree.hybrid', 'single.hybrid']
  const edits = fc.tuple(
    fc.constantFrom(...names),
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }),
  )
  fc.assert(
    fc.property(edits, ([name, changes]) => {
      const bytes = vector(name)
      for (const [at, value] of changes) bytes[at % bytes.length] = value
      try {
        parseTorrent(bytes)
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error
      }
    }),
    { numRuns: 500 },
  )
})
