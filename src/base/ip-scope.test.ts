// Goal: nothing that leads to this machine, its network or its cloud is ever called public.
import { equal, notEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatIp } from './ip.ts'
import { type IpScope, ipScope, isPublicIp, isWithinReach } from './ip-scope.ts'

const cases: Record<IpScope, readonly string[]> = {
  public: [
    '8.8.8.8',
    '1.1.1.1',
    '172.32.0.1',
    '100.63.0.1',
    '2606:4700::1111',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
    '2002:808:808::1',
  ],
  unspecified: ['0.0.0.0', '::', '::ffff:0.0.0.0'],
  loopback: [
    '127.0.0.1',
    '127.255.255.254',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '2002:7f00:1::',
    '64:ff9b::127.0.0.1',
  ],
  private: [
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    'fc00::1',
    'fdff::1',
    'fec0::1',
    '64:ff9b:1::808:808',
    '::ffff:10.1.1.1',
    '2002:c0a8:1::1',
    '2606:4700::5efe:10.0.0.1',
    '2606:4700::200:5efe:10.0.0.1',
  ],
  shared: ['100.64.0.1', '100.127.255.255'],
  'link-local': ['169.254.1.1', 'fe80::1', 'fe80::1%eth0', 'febf::1', '::ffff:169.254.0.9'],
  metadata: [
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '168.63.129.16',
    '100.100.100.200',
    'fd00:ec2::254',
    '64:ff9b::a9fe:a9fe',
  ],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1'],
  documentation: ['192.0.2.1', '198.51.100.7', '203.0.113.9', '2001:db8::1', '3fff::1'],
  reserved: [
    '255.255.255.255',
    '240.0.0.1',
    '0.1.2.3',
    '198.18.0.1',
    '192.88.99.1',
    '2001::1',
    '::7f00:1',
    '100::1',
    '4000::1',
    '5f00::1',
  ],
  invalid: ['', 'localhost', '0x7f.1', '2130706433', '[::1]', '127.1', '1.2.3.4:80'],
}
for (const [scope, literals] of Object.entries(cases)) {
  test(scope, () => {
    for (const text of literals) equal(ipScope(text), scope, text)
  })
}

test('every way of carrying a loopback address inside IPv6 is refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 3, maxLength: 3 }), (rest) => {
      const v4 = [127, ...rest]
      for (const bytes of [
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...v4],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...v4],
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, ...v4],
        [0x20, 0x02, ...v4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      ]) {
        equal(isPublicIp(formatIp(Uint8Array.from(bytes))), false)
      }
    }),
  )
})

test('outside 2000::/3 and the carriers nothing is public', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      if (bytes[0]! >>> 5 !== 1) notEqual(ipScope(formatIp(bytes)), 'public')
    }),
  )
})

test('local reach opens our own machine and network, and nothing else', () => {
  for (const [scope, literals] of Object.entries(cases)) {
    const local = ['public', 'loopback', 'private', 'shared', 'link-local'].includes(scope)
    for (const text of literals) {
      equal(isWithinReach(text, 'local'), local, text)
      equal(isWithinReach(text, 'public'), scope === 'public', text)
    }
  }
})
