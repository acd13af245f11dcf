// Goal: only exactly what was asked passes for an answer; everything else has one clear consequence.
import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { judgeResponse } from './judge-response.ts'

const wanted = { start: 10, end: 20, fileLength: 100 }
const head = (status: number, headers: Record<string, string> = {}) => ({ status, headers })
const good = { 'content-range': 'bytes 10-19/100', 'content-length': '10' }
const bad = (code: string, remedy: string) => ({ ok: false, code, remedy })

const table: readonly (readonly [string, ReturnType<typeof head>, unknown])[] = [
  ['exactly the range', head(206, good), { ok: true }],
  ['length unknown', head(206, { 'content-range': 'bytes 10-19/*' }), { ok: true }],
  ['identity coding', head(206, { ...good, 'content-encoding': 'identity' }), { ok: true }],
  ['another range', head(206, { ...good, 'content-range': 'bytes 11-20/100' }), bad('WRONG_RANGE', 'never')],
  [
    'another file size',
    head(206, { ...good, 'content-range': 'bytes 10-19/99' }),
    bad('WRONG_RANGE', 'never'),
  ],
  ['no Content-Range', head(206), bad('WRONG_RANGE', 'never')],
  ['a wrong length', head(206, { ...good, 'content-length': '11' }), bad('WRONG_LENGTH', 'never')],
  ['the whole file', head(200, { 'content-length': '100' }), bad('RANGE_IGNORED', 'never')],
  ['an unmeasured 200', head(200), bad('RANGE_IGNORED', 'never')],
  ['gzip', head(206, { ...good, 'content-encoding': 'gzip' }), bad('CONTENT_CODED', 'never')],
  ['204', head(204), bad('HTTP_204', 'never')],
  ['403', head(403), bad('HTTP_403', 'never')],
  ['404', head(404), bad('HTTP_404', 'missing')],
  ['410', head(410), bad('HTTP_410', 'missing')],
  ['416', head(416), bad('HTTP_416', 'missing')],
  ['429', head(429, { 'retry-after': '2' }), { ...bad('HTTP_429', 'choked'), retryAfterMs: 2_000 }],
  ['503', head(503, { 'retry-after': '7' }), { ...bad('HTTP_503', 'later'), retryAfterMs: 7_000 }],
  [
    '503 for ever',
    head(503, { 'retry-after': '999999999' }),
    { ...bad('HTTP_503', 'later'), retryAfterMs: 300_000 },
  ],
  [
    '503 by date',
    head(503, { 'retry-after': 'Fri, 31 Dec 1999 23:59:59 GMT' }),
    { ...bad('HTTP_503', 'later'), retryAfterMs: undefined },
  ],
]
for (const [what, response, verdict] of table) {
  test(what, () => deepEqual(judgeResponse(response, wanted), verdict))
}

test('a 200 is right when the whole file was wanted', () => {
  const whole = { start: 0, end: 100, fileLength: 100 }
  deepEqual(judgeResponse(head(200, { 'content-length': '100' }), whole), { ok: true })
  deepEqual(judgeResponse(head(200), whole), { ok: true })
  deepEqual(judgeResponse(head(200, { 'content-length': '99' }), whole), bad('RANGE_IGNORED', 'never'))
})
