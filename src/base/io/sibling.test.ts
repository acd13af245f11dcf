// Goal: a worker is found beside its caller in a checkout (.ts) and in the published package (.js).
import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { siblingUrl } from './sibling.ts'

test('a sibling has the extension of its caller', () => {
  equal(siblingUrl('./x-worker', 'file:///a.b/io/x.ts').href, 'file:///a.b/io/x-worker.ts')
  equal(siblingUrl('../main', 'file:///a.b/io/x.js').href, 'file:///a.b/main.js')
})
