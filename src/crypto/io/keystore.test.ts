// Goal: secrets come back only with the passphrase, no byte of the file can be changed, no file can cost us much,
// and others cannot read it.
import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { utf8 } from '../../base/bytes.ts'
import { DecodeError } from '../../base/errors.ts'
import { systemRandom } from '../../base/io/system.ts'
import { openAead, sealAead } from '../aead.ts'
import { decodeKeystore, decodeSecrets, encodeSecrets, PBKDF2_DEFAULT } from '../keystore.ts'
import { createKeystore, openKeystore, openOrCreateKeystore } from './keystore.ts'

const passphrase = 'correct horse battery staple'
let dir: string
let path: string
let file: Record<string, unknown> & { kdf: Record<string, unknown> }
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tallyswarm-keystore-'))
  path = join(dir, 'keys.json')
  const keystore = await createKeystore({ path, passphrase }, systemRandom)
  await keystore.put('evm', new Uint8Array(32).fill(1))
  file = JSON.parse(await readFile(path, 'utf8'))
})
after(() => rm(dir, { recursive: true }))

const bytesOf = (value: unknown) => utf8(JSON.stringify(value))

test('AES-GCM agrees with the vector of the GCM specification (test case 16)', async () => {
  const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
  const input = {
    key: hex('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308'),
    nonce: hex('cafebabefacedbaddecaf888'),
    aad: hex('feedfacedeadbeeffeedfacedeadbeefabaddad2'),
  }
  const plain = hex(
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
  )
  const sealed = hex(
    '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b',
  )
  deepEqual(await sealAead(input, plain), sealed)
  deepEqual(await openAead(input, sealed), plain)
  await rejects(openAead({ ...input, aad: hex('00') }, sealed), { code: 'AEAD_OPEN_FAILED' })
})

test('one keystore serves the node: several named secrets, there again after opening', async () => {
  const keystore = await openKeystore({ path, passphrase }, systemRandom)
  const seed = await keystore.getOrCreate('swarm-seed', systemRandom)
  await Promise.all([
    keystore.put('bls', new Uint8Array(32).fill(3)),
    keystore.put('evm', new Uint8Array(32).fill(4)),
  ])
  const again = await openOrCreateKeystore({ path, passphrase }, systemRandom)
  deepEqual(again.names, ['evm', 'swarm-seed', 'bls'])
  deepEqual(again.get('swarm-seed'), seed)
  deepEqual(again.get('evm'), new Uint8Array(32).fill(4))
  equal(again.get('other'), undefined)
})

test('only the owner can read it, nothing temporary is left, it is not overwritten', async () => {
  equal((await stat(path)).mode & 0o777, 0o600)
  deepEqual(await readdir(dir), ['keys.json'])
  await rejects(createKeystore({ path, passphrase }, systemRandom), { code: 'KEYSTORE_EXISTS' })
})

test('PBKDF2 keystores work too', async () => {
  const other = { path: join(dir, 'pbkdf2', 'keys.json'), passphrase }
  await (await createKeystore({ ...other, kdf: PBKDF2_DEFAULT }, systemRandom)).put(
    'evm',
    new Uint8Array(32).fill(9),
  )
  deepEqual((await openKeystore(other, systemRandom)).get('evm'), new Uint8Array(32).fill(9))
})

test('a wrong passphrase, and a change of any bound field, do not open', async () => {
  const changed = join(dir, 'changed.json')
  await rejects(openKeystore({ path, passphrase: 'wrong' }, systemRandom), { code: 'KEYSTORE_PASSPHRASE' })
  await rejects(openKeystore({ path: join(dir, 'none'), passphrase }, systemRandom), {
    code: 'KEYSTORE_MISSING',
  })
  const sealed = String(file['sealed'])
  for (const change of [
    { sealed: `${sealed.slice(0, -1)}${sealed.endsWith('0') ? '1' : '0'}` },
    { nonce: '00'.repeat(12) },
    { kdf: { ...file.kdf, p: 2 } },
  ]) {
    await writeFile(changed, bytesOf({ ...file, ...change }))
    await rejects(openKeystore({ path: changed, passphrase }, systemRandom), { code: 'KEYSTORE_PASSPHRASE' })
  }
  await writeFile(changed, Buffer.alloc(1 << 20, 0x20))
  await rejects(openKeystore({ path: changed, passphrase }, systemRandom), { code: 'KEYSTORE_TOO_LARGE' })
})

test('no file can make us work hard or hardly', () => {
  const refuses = (change: object, code: string) =>
    throws(() => decodeKeystore(bytesOf({ ...file, ...change })), { name: 'DecodeError', code })
  refuses({ kdf: { ...file.kdf, n: 2 ** 30 } }, 'KEYSTORE_KDF_COSTLY')
  refuses({ kdf: { ...file.kdf, p: 1000 } }, 'KEYSTORE_KDF_COSTLY')
  refuses({ kdf: { ...file.kdf, n: 1024 } }, 'KEYSTORE_KDF_WEAK')
  const pbkdf2 = { name: 'pbkdf2-sha256', salt: file.kdf['salt'] }
  refuses({ kdf: { ...pbkdf2, iterations: 1e9 } }, 'KEYSTORE_KDF_COSTLY')
  refuses({ kdf: { ...pbkdf2, iterations: 100_000 } }, 'KEYSTORE_KDF_WEAK')
  refuses({ kdf: { ...file.kdf, n: 100_000 } }, 'KEYSTORE_MALFORMED')
  refuses({ kdf: { ...file.kdf, salt: '00' } }, 'KEYSTORE_MALFORMED')
  refuses({ kdf: { name: 'none' } }, 'KEYSTORE_MALFORMED')
  refuses({ sealed: 7 }, 'KEYSTORE_MALFORMED')
  refuses({ version: 2 }, 'KEYSTORE_VERSION')
  refuses({ format: 'other' }, 'KEYSTORE_MALFORMED')
})

test('any bytes are a keystore or raise DecodeError, and so is any body', () => {
  const tries = (work: () => void) => {
    try {
      work()
    } catch (error) {
      ok(error instanceof DecodeError)
    }
  }
  fc.assert(fc.property(fc.jsonValue(), (value) => tries(() => decodeKeystore(bytesOf(value)))))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => tries(() => decodeKeystore(bytes))))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => tries(() => decodeSecrets(bytes))))
  const secrets = new Map([['a', new Uint8Array(32)]])
  deepEqual(decodeSecrets(encodeSecrets(secrets)), secrets)
})
