// Goal: every documented path is read, everything else is nothing, and no decoded name can leave its map.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { methodsOf, parseRoute } from './routes.ts'

const v1 = 'a'.repeat(40)
const v2 = '0123456789abcdef'.repeat(4)

const good: Readonly<Record<string, unknown>> = {
  '/health': { kind: 'health' },
  '/tally': { kind: 'tally' },
  [`/file/${v2}`]: { kind: 'file', hash: v2 },
  [`/file/${v2.toUpperCase()}?x=1`]: { kind: 'file', hash: v2 },
  [`http://host:80/file/${v2}`]: { kind: 'file', hash: v2 },
  [`/file/${v1}/7`]: { kind: 'file', hash: v1, file: 7 },
  [`/file/${v2}/chunk/3`]: { kind: 'chunk', hash: v2, chunk: 3 },
  [`/file/${v1}/7/chunk/0`]: { kind: 'chunk', hash: v1, file: 7, chunk: 0 },
  [`/file/${v2}/layer/4`]: { kind: 'layer', hash: v2, height: 4 },
  [`/file/${v2}/0/layer/0`]: { kind: 'layer', hash: v2, file: 0, height: 0 },
  [`/file/${v1}/have`]: { kind: 'have', hash: v1 },
  [`/file/${v1}/torrent`]: { kind: 'torrent', hash: v1 },
  [`/files/${v2}`]: { kind: 'file', hash: v2 },
  [`/files/${v2}/metadata`]: { kind: 'metadata', hash: v2 },
  [`/webseed/${v1}/a%20b/c%2Bd`]: { kind: 'web-seed', hash: v1, path: ['a b', 'c+d'] },
}
for (const [target, route] of Object.entries(good)) test(target, () => deepEqual(parseRoute(target), route))

const bad = [
  '',
  '/',
  '*',
  '/health/x',
  '/file',
  '/file/',
  '/file/abc',
  `/file/${v2}/`,
  `/file/${v2}/chunk`,
  `/file/${v2}/chunk/`,
  `/file/${v2}/chunk/-1`,
  `/file/${v2}/chunk/01`,
  `/file/${v2}/chunk/1e3`,
  `/file/${v2}/chunk/9999999999`,
  `/file/${v2}/chunk/1/2`,
  `/file/${v2}/0/have`,
  `/files/${v2}/0`,
  `/webseed/${v1}`,
  `/webseed/${v1}/`,
  `/webseed/${v1}/..`,
  `/webseed/${v1}/a/../b`,
  `/webseed/${v1}/a/%2e%2e/b`,
  `/webseed/${v1}/a%2Fb`,
  `/webseed/${v1}/a%00`,
  `/webseed/${v1}/%ff`,
  `/webseed/${v1}/${'a/'.repeat(100)}b`,
  `/../file/${v2}`,
  `file/${v2}`,
]
for (const target of bad) test(`no route: ${target.slice(0, 60)}`, () => equal(parseRoute(target), undefined))

test('any target is a route or none, and web-seed names hold no separators', () => {
  const target = fc.oneof(
    fc.string(),
    fc
      .array(fc.constantFrom('file', 'webseed', v1, v2, 'chunk', '0', '..', '%2e%2e', '%2f', '', 'a'))
      .map((p) => `/${p.join('/')}`),
  )
  fc.assert(
    fc.property(target, (text) => {
      const route = parseRoute(text)
      if (route === undefined) return
      ok(methodsOf(route).length > 0)
      if (route.kind === 'web-seed') {
        for (const name of route.path) ok(name !== '' && name !== '..' && name !== '.' && !name.includes('/'))
      }
    }),
  )
})
