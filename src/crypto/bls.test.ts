// Goal: native and pure BLS agree with each other and with a third implementation, and batches cannot be fooled.
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import vectors from '../../test/vectors/tally/bls.json' with { type: 'json' }
import { fromHex, toHex, utf8 } from '../base/bytes.ts'
import { type BlsItem, createPureBls, verifyEach } from './bls.ts'
import { createNativeBls } from './io/bls.ts'

const ORDER = '73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001'
const INFINITY_KEY = fromHex(`c0${'00'.repeat(47)}`)
const INFINITY_SIGNATURE = fromHex(`c0${'00'.repeat(95)}`)

// Known answer of the PBTS prototype (Python, py_ecc): receiver secret 42, its 100-byte receipt.
const PBTS = {
  publicKey:
    '8ce3b57b791798433fd323753489cac9bca43b98deaafaed91f4cb010730ae1e38b186ccd37a09b8aed62ce23b699c48',
  signature:
    'aa108d8b172657b6a43ba96836e1e1b85db50da8c36061e367b84cdf874eed1800a4b761570d8ceaa4c2323f2a9a2b1b01238f9515b6cc74f8c5f5e5567b3418cf15c73acc88397543dc38ea435c0bec9b18eb15f6dc91ce0ccee162c7714362',
}

for (const [name, bls] of Object.entries({ native: createNativeBls(), pure: createPureBls() })) {
  const signed = async (secret: number, text: string): Promise<BlsItem> => {
    const key = bls.fromSecret(fromHex(secret.toString(16).padStart(64, '0')))
    const message = utf8(text)
    return { publicKey: key.publicKey, message, signature: await bls.sign(key, message) }
  }

  test(`${name} agrees with py_ecc`, async () => {
    for (const { secret, publicKey, message, signature, possession } of vectors) {
      const key = bls.fromSecret(fromHex(secret))
      equal(toHex(key.publicKey), publicKey)
      equal(toHex(await bls.sign(key, fromHex(message))), signature)
      equal(toHex(await bls.provePossession(key)), possession)
      ok(await bls.verifyPossession(key.publicKey, fromHex(possession)))
    }
    equal(toHex(bls.fromSecret(fromHex('2a'.padStart(64, '0'))).publicKey), PBTS.publicKey)
  })

  test(`${name} refuses what does not hold`, async () => {
    const good = await signed(5, 'hello')
    ok(await bls.verify(good))
    const bad: Record<string, BlsItem> = {
      'another message': { ...good, message: utf8('hullo') },
      'another key': { ...good, publicKey: (await signed(6, 'hello')).publicKey },
      'a key at infinity': { ...good, publicKey: INFINITY_KEY },
      'a signature at infinity': { ...good, signature: INFINITY_SIGNATURE },
      'both at infinity': { ...good, publicKey: INFINITY_KEY, signature: INFINITY_SIGNATURE },
      'a short key': { ...good, publicKey: good.publicKey.subarray(1) },
      'an uncompressed signature': { ...good, signature: new Uint8Array(192) },
      'a key off the subgroup': { ...good, publicKey: offSubgroup() },
    }
    for (const [why, item] of Object.entries(bad)) {
      equal(await bls.verify(item), false, why)
      equal(await bls.verifyBatch([item]), false, why)
    }
  })

  test(`${name} takes a signature of a key for no proof that the key is possessed`, async () => {
    const key = bls.generate()
    deepEqual(bls.fromSecret(key.secret).publicKey, key.publicKey)
    equal(await bls.verifyPossession(key.publicKey, await bls.sign(key, key.publicKey)), false)
    const proof = await bls.provePossession(key)
    equal(await bls.verify({ publicKey: key.publicKey, message: key.publicKey, signature: proof }), false)
    equal(await bls.verifyPossession(bls.generate().publicKey, proof), false)
  })

  test(`${name} refuses secrets that are no scalar`, () => {
    for (const secret of ['00'.repeat(32), ORDER, 'ff'.repeat(32), '01']) {
      throws(() => bls.fromSecret(fromHex(secret)), { name: 'DecodeError', code: 'BLS_SECRET' })
    }
  })

  test(`${name}: two mauled signatures do not cancel each other in a batch`, async () => {
    const [a, b] = [await signed(7, 'a'), await signed(8, 'b')]
    const { Point } = bls12_381.G2
    const shift = Point.BASE.multiply(3n)
    const mauled = [
      { ...a, signature: Point.fromBytes(a.signature).add(shift).toBytes() },
      { ...b, signature: Point.fromBytes(b.signature).subtract(shift).toBytes() },
    ]
    const sum = (items: BlsItem[]) =>
      items.reduce((total, { signature }) => total.add(Point.fromBytes(signature)), Point.ZERO)
    ok(sum(mauled).equals(sum([a, b])), 'an unweighted check would see no difference')
    equal(await bls.verifyBatch([a, b]), true)
    equal(await bls.verifyBatch(mauled), false)
  })
}

test('a batch is bisected down to what is bad', async () => {
  const bls = createNativeBls()
  const items: BlsItem[] = []
  for (let i = 0; i < 40; i++) {
    const key = bls.generate()
    const message = utf8(`close ${i}`)
    items.push({ publicKey: key.publicKey, message, signature: await bls.sign(key, message) })
  }
  items[3] = { ...items[3]!, message: utf8('other') }
  items[37] = { ...items[37]!, signature: INFINITY_SIGNATURE }
  const verdicts = await verifyEach(bls, items)
  deepEqual(
    verdicts.flatMap((good, i) => (good ? [] : [i])),
    [3, 37],
  )
  deepEqual(await verifyEach(bls, []), [])
})

/** A point of the curve with x = 4 (or the next that has one): the cofactor makes it miss the subgroup. */
function offSubgroup(): Uint8Array {
  for (let x = 4; x < 100; x++) {
    const bytes = new Uint8Array(48)
    bytes[0] = 0x80
    bytes[47] = x
    try {
      const point = bls12_381.G1.Point.fromBytes(bytes)
      if (!point.isTorsionFree()) return bytes
    } catch (error) {
      if (/subgroup|prime/i.test(String(error))) return bytes
    }
  }
  throw new Error('no such point found')
}
