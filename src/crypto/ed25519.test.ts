// Goal: one verdict on every signature, whichever library checks it, edge cases of the curve included.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import edges from '../../test/vectors/tally/ed25519-edges.json' with { type: 'json' }
import { fromHex, toHex } from '../base/bytes.ts'
import { createPureEd25519, isStrictPublicKey } from './ed25519.ts'
import { createNodeEd25519, createWebEd25519 } from './io/ed25519.ts'

const providers = { node: createNodeEd25519(), web: createWebEd25519(), pure: createPureEd25519() }

// RFC 8032, section 7.1, tests 1 to 3.
const RFC_8032 = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
]

for (const [name, ed25519] of Object.entries(providers)) {
  test(`${name} agrees with RFC 8032`, async () => {
    for (const { seed, publicKey, message, signature } of RFC_8032) {
      const key = await ed25519.fromSeed(fromHex(seed))
      equal(toHex(key.publicKey), publicKey)
      equal(toHex(await ed25519.sign(key, fromHex(message))), signature)
      ok(await ed25519.verify(key.publicKey, fromHex(signature), fromHex(message)))
    }
  })

  for (const { name: edge, valid, publicKey, signature, message } of edges) {
    test(`${name}: ${edge} is ${valid ? 'accepted' : 'refused'}`, async () => {
      equal(await ed25519.verify(fromHex(publicKey), fromHex(signature), fromHex(message)), valid)
    })
  }

  test(`${name} makes keys that sign, and any bytes get a verdict`, async () => {
    const key = await ed25519.generate()
    deepEqual((await ed25519.fromSeed(key.seed)).publicKey, key.publicKey)
    ok(await ed25519.verify(key.publicKey, await ed25519.sign(key, key.seed), key.seed))
    const bytes = fc.uint8Array({ maxLength: 70 })
    await fc.assert(
      fc.asyncProperty(bytes, bytes, async (a, b) => !(await ed25519.verify(a, b, a))),
      { numRuns: 30 },
    )
  })
}

test('nearly every 32 bytes may be tried as a key, but not weak ones', () => {
  ok(isStrictPublicKey(fromHex(RFC_8032[0]!.publicKey)))
  for (const { name, publicKey } of edges) {
    if (/^a key (of small order|that is not canonical)/.test(name))
      equal(isStrictPublicKey(fromHex(publicKey)), false, name)
  }
})

test('node verifies the same on its other threads, where many go at once', async () => {
  for (const { name, valid, publicKey, signature, message } of edges) {
    const verify = () => providers.node.verify(fromHex(publicKey), fromHex(signature), fromHex(message))
    deepEqual([...new Set(await Promise.all(Array.from({ length: 100 }, verify)))], [valid], name)
  }
})
