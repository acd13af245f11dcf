/**
 * For tests of reports: an authority, three members of it, and reports of sessions among them, true or twisted.
 *
 * @module
 */
import { deepEqual, ok } from 'node:assert/strict'
import { toHex } from '../base/bytes.ts'
import { infoHashV2 } from '../base/ids.ts'
import type { BlsKey } from '../crypto/bls.ts'
import type { Ed25519Key } from '../crypto/ed25519.ts'
import { createNativeBls } from '../crypto/io/bls.ts'
import { createAuthority, createMemoryAuthorityStore, keyRequestMessage } from './authority.ts'
import { bindingMessage, encodeBinding, keysRootOf } from './binding.ts'
import type { SignedBytes } from './credential.ts'
import { CredentialCache } from './handshake.ts'
import { encodeOpen, type Open, sessionIdOf } from './open.ts'
import { createTestAuthority, ed25519, nowS } from './pair.fixture.ts'
import type { Report } from './report.ts'
import { encodeRuns, RunSet } from './runs.ts'
import { shareIdOf } from './share-id.ts'
import { encodeTally, type Tally, tallyOf } from './tally.ts'
import type { VerifyContext } from './verify.ts'

export const bls = createNativeBls()
export const MIB = 2 ** 20
export const PAYLOAD = 64 * MIB
export const share = shareIdOf({ infoHashV2: infoHashV2(new Uint8Array(32).fill(7)) })

export type Member = { id: string; identity: BlsKey; key: Ed25519Key; credential: SignedBytes }

type Twist = {
  open?: Partial<Open>
  tally?: Partial<Tally>
  sender?: Member
  receiver?: Member
  /** Distinguishes sessions of the same two. */
  connection?: number
}

/** An authority and its members. */
export async function createMembers() {
  const { key, scope } = await createTestAuthority()
  const store = createMemoryAuthorityStore()
  const authority = createAuthority({ scope, key }, { store, ed25519, bls, nowS })
  const join = async (id: string): Promise<Member> => {
    const identity = bls.generate()
    const key = await ed25519.generate()
    ok((await authority.register(identity.publicKey, await bls.provePossession(identity), id)).ok)
    const document = encodeBinding({
      scope: authority.scope,
      identity: identity.publicKey,
      keysRoot: keysRootOf([key.publicKey]),
      notBeforeS: nowS() - 10,
      notAfterS: nowS() + 86_400 * 20,
    })
    const signature = await bls.sign(identity, bindingMessage(document))
    deepEqual(await authority.bind({ document, signature }, [key.publicKey]), { ok: true })
    const asked = keyRequestMessage(authority.scope, share, key.publicKey)
    const issued = await authority.issue({
      share,
      swarmKey: key.publicKey,
      signature: await ed25519.sign(key, asked),
      lifeS: 86_400,
    })
    ok(issued.ok)
    return { id, identity, key, credential: issued.credential }
  }
  const [alice, bob, carol] = [await join('alice'), await join('bob'), await join('carol')]
  const context = {
    scope,
    authorityKey: authority.key,
    payloadBytesOf: (id) => (toHex(id) === toHex(share) ? PAYLOAD : undefined),
    accountOf: (swarmKey) => authority.accountOf(swarmKey),
    nowS: nowS(),
    ed25519,
    credentials: new CredentialCache(ed25519),
  } satisfies VerifyContext
  const report = async (bytes: number, twist: Twist = {}): Promise<Report> => {
    const { sender = alice, receiver = bob, connection = 0 } = twist
    const open: Open = {
      scope: authority.scope,
      share,
      senderKey: sender.key.publicKey,
      receiverKey: receiver.key.publicKey,
      senderNonce: new Uint8Array(16).fill(connection),
      receiverNonce: new Uint8Array(16),
      openedS: nowS() + 5,
      quote: new Uint8Array(32),
      transport: new Uint8Array(32),
      ...twist.open,
    }
    const runs = new RunSet()
    runs.add({ start: 0, count: Math.max(1, Math.ceil(bytes / 16_384)) })
    const openBytes = encodeOpen(open)
    const counted = { bytes: BigInt(bytes), blocks: runs.digest() }
    const tally = encodeTally({ ...tallyOf(open, sessionIdOf(openBytes), counted), ...twist.tally })
    return {
      open: openBytes,
      senderSignature: await ed25519.sign(sender.key, openBytes),
      receiverSignature: await ed25519.sign(receiver.key, openBytes),
      tally,
      tallySignature: await ed25519.sign(receiver.key, tally),
      senderCredential: sender.credential,
      receiverCredential: receiver.credential,
      runs: encodeRuns(runs.runs()),
    }
  }
  return { context, alice, bob, carol, report }
}
