// Goal: preconditions as RFC 9110 section 13 has them, for one strong tag.
import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { checkPreconditions, rangeApplies } from './conditions.ts'

const etag = '"abc"'
const table: readonly (readonly [string | undefined, string | undefined, string])[] = [
  [undefined, undefined, 'proceed'],
  ['*', undefined, 'proceed'],
  ['"abc"', undefined, 'proceed'],
  ['"x", "abc"', undefined, 'proceed'],
  ['"x"', undefined, 'failed'],
  ['W/"abc"', undefined, 'failed'],
  ['', undefined, 'failed'],
  [undefined, '*', 'not-modified'],
  [undefined, '"abc"', 'not-modified'],
  [undefined, 'W/"abc"', 'not-modified'],
  [undefined, '"x","y"', 'proceed'],
  [undefined, '"x,\\"abc\\""', 'proceed'],
  ['"x"', '"abc"', 'failed'],
  ['"abc"', '"abc"', 'not-modified'],
]
for (const [ifMatch, ifNoneMatch, verdict] of table) {
  test(`If-Match ${ifMatch}, If-None-Match ${ifNoneMatch}: ${verdict}`, () => {
    equal(checkPreconditions({ ifMatch, ifNoneMatch }, etag), verdict)
  })
}

test('If-Range counts with our strong tag only', () => {
  equal(rangeApplies(undefined, etag), true)
  equal(rangeApplies('"abc"', etag), true)
  for (const other of ['W/"abc"', '"x"', 'Wed, 21 Oct 2015 07:28:00 GMT', ''])
    equal(rangeApplies(other, etag), false)
})
