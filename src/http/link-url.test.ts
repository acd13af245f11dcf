// Goal: a link to one of our nodes is told from any other URL, behind proxies too.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { parseNodeLink } from './link-url.ts'

const v1 = 'Ab'.repeat(20)
const v2 = '0123456789abcdef'.repeat(4)
const read = (text: string) => {
  const link = parseNodeLink(text)
  return link && { ...link, base: link.base.href }
}

test('links to our nodes', () => {
  deepEqual(read(`http://h:8080/file/${v2}`), { base: 'http://h:8080/', hash: v2 })
  deepEqual(read(`https://h/file/${v1}/3?x=1#y`), { base: 'https://h/', hash: v1.toLowerCase(), file: 3 })
  deepEqual(read(`http://h/proxy/file/${v2}/chunk/0`), { base: 'http://h/proxy/', hash: v2 })
  deepEqual(read(`http://h/files/${v2}/metadata`), { base: 'http://h/', hash: v2 })
})

test('other URLs and no URLs', () => {
  for (const other of ['http://h/', 'http://h/file/abc', `http://h/file/${v2}00`, 'http://h/x.torrent']) {
    equal(parseNodeLink(other), undefined)
  }
  throws(() => parseNodeLink('magnet:?xt=1'), { code: 'URL_SCHEME' })
})
