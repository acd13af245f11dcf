// Goal: read exactly the IP literals that Node's own reader accepts (bar zones), and write the RFC 5952 form.
import { deepEqual, equal } from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalIp, formatIp, parseIp } from './ip.ts'

test('writes the forms RFC 5952 asks for', () => {
  for (const [given, written] of [
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'], // 4.2.3: the first of two equal runs
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'], // 4.2.2: one group is not shortened
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['192.0.2.1', '192.0.2.1'],
  ] as const) {
    equal(formatIp(parseIp(given)!), written)
  }
})

test('refuses what is no literal, numbers that other readers take as octal or whole words among it', () => {
  const bad = ['', '1.2.3', '1.2.3.256', '01.2.3.4', '0x7f.0.0.1', '2130706433', '1:2:3:4:5:6:7', ':::']
  for (const text of [...bad, '1::2::3', '::1%lo', '[::1]', '1.2.3.4::', '::1.2.3', ' ::1', '12345::']) {
    equal(parseIp(text), undefined, text)
  }
})

test('agrees with Node on any text made of address characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'0123aF:.:.'), maxLength: 20 }), (text) => {
      equal(parseIp(text)?.length, { 0: undefined, 4: 4, 6: 16 }[isIP(text)], text)
    }),
    { numRuns: 2000 },
  )
})

test('round trip', () => {
  const address = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.array(fc.constantFrom(0, 0, 1, 255), { minLength: 16, maxLength: 16 }).map((b) => Uint8Array.from(b)),
  )
  fc.assert(fc.property(address, (bytes) => deepEqual(parseIp(formatIp(bytes)), bytes)))
})

test('one spelling per address: an IPv4 peer of a dual-stack socket is an IPv4 peer', () => {
  equal(canonicalIp('::ffff:10.0.0.1'), '10.0.0.1')
  equal(canonicalIp('::fffe:10.0.0.1'), '::fffe:a00:1')
  equal(canonicalIp('FE80:0::1%eth0'), 'fe80::1')
  equal(canonicalIp('localhost'), undefined)
})
