// Goal: the rules of making a torrent that need no disk; that the bytes are right is in io/vectors.test.ts.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cid, ed2kHash } from '../base/ids.ts'
import { decodeBencodeDict } from './bencode.ts'
import { choosePieceLength, createTorrent, layoutFor, sortFiles, type TorrentInput } from './create.ts'

const single: TorrentInput = {
  name: 'a',
  singleFile: true,
  version: 'v1',
  pieceLength: 16_384,
  files: [{ path: 'a', length: 5 }],
  v1Pieces: new Uint8Array(20),
}

test('piece lengths grow with the files and stay in their bounds', () => {
  deepEqual(
    [0, 2 ** 25, 2 ** 25 + 1, 2 ** 31, 2 ** 50].map((length) => choosePieceLength([length])),
    [16_384, 32_768, 65_536, 2 ** 21, 2 ** 24],
  )
  equal(choosePieceLength(new Array(20_000).fill(30_000)), 16_384)
  equal(choosePieceLength([]), 16_384)
})

test('files are sorted by the bytes of each component, as a file tree is', () => {
  const paths = ['b', 'a.b', 'a/z', 'a/b/c', 'B', 'é', 'a!/x']
  deepEqual(
    sortFiles(paths.map((path) => ({ path }))).map(({ path }) => path),
    ['B', 'a/b/c', 'a/z', 'a!/x', 'a.b', 'b', 'é'],
  )
})

test('writes only what was given: no date, no trackers, no claims', () => {
  const keys = (input: TorrentInput) => [...decodeBencodeDict(createTorrent(input).torrentBytes).keys()]
  deepEqual(keys(single), ['created by', 'info'])
  const all = keys({
    ...single,
    trackers: [['http://a/'], ['http://b/']],
    webSeeds: ['http://c/'],
    comment: 'x',
    createdAtS: 1,
    files: [{ path: 'a', length: 5, cid: cid(new Uint8Array(32)), ed2k: ed2kHash(new Uint8Array(16)) }],
  })
  deepEqual(all, [
    'announce',
    'announce-list',
    'comment',
    'created by',
    'creation date',
    'info',
    'tallyswarm',
    'url-list',
  ])
})

test('claims and extras change no info hash, and are read back', () => {
  const files = [{ path: 'a', length: 5, cid: cid(new Uint8Array(32).fill(1)) }]
  const { share } = createTorrent({ ...single, files, trackers: [['http://a/']] })
  deepEqual(share.infoHashV1, createTorrent(single).share.infoHashV1)
  deepEqual(share.files[0]!.cid, files[0]!.cid)
  deepEqual(share.trackers, [['http://a/']])
})

test('what no torrent may hold is not made', () => {
  throws(() => createTorrent({ ...single, name: '..', files: [{ path: '..', length: 5 }] }), {
    code: 'PATH_TRAVERSAL',
  })
  throws(() => createTorrent({ ...single, v1Pieces: new Uint8Array(40) }), { code: 'PIECES_LENGTH' })
  throws(() => createTorrent({ ...single, version: 'v2', pieceLength: 10_000 }), /assertion/)
})

test('piece space: every file byte in one span, files aligned where they must be', () => {
  const sizes = fc.array(fc.oneof(fc.constant(0), fc.nat(100_000)), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(sizes, fc.constantFrom('v1', 'v2', 'hybrid'), (lengths, version) => {
      const layout = layoutFor(
        version,
        16_384,
        lengths.map((length, i) => ({ path: `${i}`, length })),
      )
      equal(
        layout.payloadBytes,
        lengths.reduce((sum, length) => sum + length, 0),
      )
      const seen = lengths.map(() => 0)
      let v1Bytes = 0
      for (let piece = 0; piece < layout.pieceCount; piece++) {
        v1Bytes += layout.v1HashBytes(piece)
        const spans = layout.spans(piece, 0, layout.pieceBytes(piece))
        if (version !== 'v1') equal(spans.length, 1)
        for (const { file, fileOffset, length } of spans) {
          equal(fileOffset, seen[file])
          seen[file]! += length
        }
      }
      deepEqual(seen, lengths)
      if (version === 'v1') equal(v1Bytes, layout.payloadBytes)
      if (version === 'hybrid' && lengths.length > 1) equal(v1Bytes % 16_384, 0)
    }),
  )
})
