// Goal: every document agrees byte for byte with a second implementation, and other bytes fail in a named way.
import { deepEqual, equal, notDeepEqual, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import vectors from '../../test/vectors/tally/documents.json' with { type: 'json' }
import { fromHex, toHex } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { infoHashV1, infoHashV2, type ScopeId, type ShareId } from '../base/ids.ts'
import { createNativeBls } from '../crypto/io/bls.ts'
import { createNodeEd25519 } from '../crypto/io/ed25519.ts'
import { keyRequestMessage } from './authority.ts'
import { areBindableKeys, bindingMessage, decodeBinding, encodeBinding, keysRootOf } from './binding.ts'
import { closeMessage } from './close.ts'
import { covers, decodeCredential, encodeCredential } from './credential.ts'
import { decodeOpen, encodeOpen, sessionIdOf } from './open.ts'
import { decodeRunSet, encodeRuns } from './runs.ts'
import { BILATERAL_SCOPE, scopeIdOf } from './scope.ts'
import { shareIdOf } from './share-id.ts'
import { decodeTally, encodeTally, matchesOpen, tallyOf } from './tally.ts'

const ed25519 = createNodeEd25519()
const bls = createNativeBls()
const { scopes, share, open, tally, binding, credentials, close, runs, seeds } = vectors
const bytes = fromHex

test('scopes and share ids are those of the vectors', () => {
  equal(toHex(BILATERAL_SCOPE), scopes.none)
  equal(toHex(scopeIdOf({ kind: 'tracker', key: bytes(scopes.tracker.key) })), scopes.tracker.id)
  const { chainId, genesis, address, id } = scopes.registry
  const registry = {
    kind: 'registry',
    chainId: BigInt(chainId),
    genesis: bytes(genesis),
    address: bytes(address),
  } as const
  equal(toHex(scopeIdOf(registry)), id)
  notDeepEqual(scopeIdOf({ ...registry, chainId: 1n }), scopeIdOf(registry))
  equal(toHex(shareIdOf({ infoHashV1: infoHashV1(bytes(share.v1)) })), share.v1Id)
})

test('a hybrid share has one name, on a v1 wire too', () => {
  const v2 = { infoHashV2: infoHashV2(bytes(share.v2)) }
  equal(toHex(shareIdOf(v2)), share.hybridId)
  equal(toHex(shareIdOf({ ...v2, infoHashV1: infoHashV1(bytes(share.v1)) })), share.hybridId)
})

test('Open and Tally', async () => {
  const decoded = decodeOpen(bytes(open.bytes))
  equal(toHex(encodeOpen(decoded)), open.bytes)
  equal(decoded.openedS, open.openedS)
  equal(toHex(sessionIdOf(bytes(open.bytes))), open.session)
  for (const [seed, key, signature] of [
    [seeds.sender, decoded.senderKey, open.senderSignature],
    [seeds.receiver, decoded.receiverKey, open.receiverSignature],
  ] as const) {
    const pair = await ed25519.fromSeed(bytes(seed))
    deepEqual(pair.publicKey, key)
    equal(toHex(await ed25519.sign(pair, bytes(open.bytes))), signature)
  }
  const set = decodeRunSet(bytes(runs.bytes))
  equal(toHex(encodeRuns(set.runs())), runs.bytes)
  equal(toHex(set.digest()), runs.digest)
  const made = tallyOf(decoded, bytes(open.session), { bytes: BigInt(tally.count), blocks: set.digest() })
  equal(toHex(encodeTally(made)), tally.bytes)
  deepEqual(decodeTally(bytes(tally.bytes)), made)
  ok(matchesOpen(made, decoded, bytes(open.session)))
  ok(await ed25519.verify(decoded.receiverKey, bytes(tally.signature), bytes(tally.bytes)))
})

test('Credential', async () => {
  const authority = await ed25519.fromSeed(bytes(seeds.authority))
  for (const { bytes: document, signature } of Object.values(credentials)) {
    const decoded = decodeCredential(bytes(document))
    equal(toHex(encodeCredential(decoded)), document)
    equal(toHex(await ed25519.sign(authority, bytes(document))), signature)
    ok(covers(decoded, decoded, open.openedS))
    equal(covers(decoded, decoded, decoded.notBeforeS - 1), false)
    equal(covers(decoded, decoded, decoded.notAfterS + 1), false)
    equal(covers({ ...decoded, notAfterS: decoded.notBeforeS + 31 * 86_400 }, decoded, open.openedS), false)
  }
  const { scope, share: of, swarmKey } = decodeCredential(bytes(credentials.sender.bytes))
  equal(toHex(keyRequestMessage(scope, of, swarmKey)), vectors.keyRequest.bytes)
})

test('Binding and Close', async () => {
  const key = bls.fromSecret(bytes(binding.secret))
  equal(toHex(key.publicKey), binding.identity)
  equal(toHex(await bls.provePossession(key)), binding.possession)
  const keys = binding.keys.map(bytes)
  equal(toHex(keysRootOf(keys)), binding.keysRoot)
  const decoded = decodeBinding(bytes(binding.bytes))
  equal(toHex(encodeBinding(decoded)), binding.bytes)
  equal(toHex(decoded.keysRoot), binding.keysRoot)
  equal(toHex(await bls.sign(key, bindingMessage(bytes(binding.bytes)))), binding.signature)
  const message = closeMessage(key.publicKey, bytes(tally.bytes))
  equal(toHex(message), close.message)
  equal(toHex(await bls.sign(key, message)), close.signature)
})

test('bindable keys ascend, are 32 bytes, and at most 1,024', () => {
  const key = (n: number) => Uint8Array.from({ length: 32 }, (_, i) => (i < 2 ? n >>> (8 - 8 * i) : 0))
  const many = Array.from({ length: 1025 }, (_, n) => key(n))
  ok(areBindableKeys(many.slice(0, 1024)))
  for (const bad of [[], many, [key(2), key(1)], [key(1), key(1)], [new Uint8Array(31)]]) {
    equal(areBindableKeys(bad), false)
  }
  notDeepEqual(keysRootOf([key(1), key(2), key(3)]), keysRootOf([key(1), key(2)]))
})

const decoders = {
  open: [decodeOpen, encodeOpen, open.bytes],
  tally: [decodeTally, encodeTally, tally.bytes],
  credential: [decodeCredential, encodeCredential, credentials.sender.bytes],
  binding: [decodeBinding, encodeBinding, binding.bytes],
} as unknown as Record<string, [(b: Uint8Array) => object, (d: object) => Uint8Array, string]>

for (const [name, [decode, encode, vector]] of Object.entries(decoders)) {
  test(`${name} refuses other lengths and tags`, () => {
    const good = bytes(vector)
    throws(() => decode(good.subarray(1)), { code: 'WRONG_LENGTH' })
    throws(() => decode(Uint8Array.of(...good, 0)), { code: 'WRONG_LENGTH' })
    throws(() => decode(Uint8Array.of(...good.subarray(0, 15), 1, ...good.subarray(16))), {
      code: 'WRONG_TAG',
    })
  })

  test(`any bytes are a ${name} that encodes back, or raise DecodeError`, () => {
    const tail = fc.uint8Array({ minLength: 90, maxLength: 240 })
    fc.assert(
      fc.property(fc.boolean(), tail, (whole, rest) => {
        const head = bytes(vector).subarray(0, 16)
        const length = vector.length / 2 - 16
        const filled = Uint8Array.from({ length }, (_, i) => rest[i % rest.length]!)
        const candidate = Uint8Array.of(...head, ...(whole ? filled : rest))
        try {
          deepEqual(encode(decode(candidate)), candidate)
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error
        }
      }),
      { numRuns: 50 },
    )
  })
}

test('a tally with a reserved byte set is refused', () => {
  const bad = bytes(tally.bytes)
  bad[183] = 1
  throws(() => decodeTally(bad), { code: 'NOT_ZERO' })
})

test('fields cannot be shifted into each other: each change of a field changes what is signed', () => {
  const decoded = decodeTally(bytes(tally.bytes))
  const changed = [
    { scope: BILATERAL_SCOPE },
    { share: new Uint8Array(32) as ShareId },
    { scope: decoded.share as unknown as ScopeId, share: decoded.scope as unknown as ShareId },
    { senderKey: decoded.receiverKey, receiverKey: decoded.senderKey },
    { bytes: decoded.bytes + 1n },
    { openedS: decoded.openedS + 1 },
  ]
  const all = [decoded, ...changed.map((change) => ({ ...decoded, ...change }))].map((d) =>
    toHex(encodeTally(d)),
  )
  equal(new Set(all).size, all.length)
})
