// Goal: with a certificate the server speaks TLS 1.3 and nothing else, and our own sources trust no
// stranger's certificate.
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { request } from 'node:https'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { toHex } from '../../base/bytes.ts'
import { peerId } from '../../base/ids.ts'
import { systemClock, systemRandom } from '../../base/io/system.ts'
import { Bench } from '../../transfer/io/fixture.ts'
import { ask, testBytes, testShare } from './fixture.ts'
import { createShareServer } from './server.ts'
import { createWebSeedSource } from './web-seed-source.ts'

// Made for this test by `openssl req -x509 -newkey ec -days 36500 -subj /CN=localhost`: protects nothing.
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCPIhocMW5nQ+gzuC
XQ6hGp5pvkVmTNGvxnJc4cm1t1+hRANCAARSR7s2OjlVaocWwAbnZhI0152v7ath
LwiQN7l+fKQZ2sytmWdK8wVJVaMy7htToBkmS6SiJxV/iqpFpIow28Mo
-----END PRIVATE KEY-----`
const cert = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUH6AWpWOXSzwlOjcOCrsF7yfrM5IwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMDA4MzQxNloYDzIxMjYxMDI3
MDgzNDE2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARSR7s2OjlVaocWwAbnZhI0152v7athLwiQN7l+fKQZ2sytmWdK8wVJ
VaMy7htToBkmS6SiJxV/iqpFpIow28Moo28wbTAdBgNVHQ4EFgQUNEjII77oV7cj
yPQrLuzX/7x3jc8wHwYDVR0jBBgwFoAUNEjII77oV7cjyPQrLuzX/7x3jc8wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhAKXyzA9iCLMp5Et/3dr9ro0KdICJ5jrkUyArqG+3H1k+AiAa
G6FoRMBaJoZIOJU4/nQmEoMcOaqv7sgdXR6KySBPPQ==
-----END CERTIFICATE-----`

test('HTTPS', async () => {
  const film = testBytes(700_000)
  const { reader, share } = testShare({ files: { film } })
  const parts = { clock: systemClock, random: systemRandom, peerId: peerId(new Uint8Array(20)), share }
  const listen = { host: '127.0.0.1', port: 0 }
  await using server = await createShareServer({ listen, tls: { key, cert } }, parts)
  server.add(reader)
  const { host, port } = server.address
  const path = `/file/${toHex(share.infoHashV1!)}`
  const [protocol, body] = await new Promise<[string | null, Uint8Array]>((resolve, reject) => {
    const req = request({ host, port, path, ca: cert, agent: false }, async (res) => {
      const chunks: Uint8Array[] = []
      for await (const chunk of res) chunks.push(chunk)
      resolve([(res.socket as TLSSocket).getProtocol(), new Uint8Array(Buffer.concat(chunks))])
    })
    req.on('error', reject)
    req.end()
  })
  equal(protocol, 'TLSv1.3')
  deepEqual(body, film)
  await rejects(ask(server, path), { code: 'ECONNRESET' })

  await using bench = new Bench()
  await using download = await bench.open(share)
  await using source = createWebSeedSource(
    {
      url: `https://${host}:${port}${path}`,
      allowPrivateAddresses: true,
      connections: 1,
      failuresMax: 1,
    },
    { ...parts, attach: (made) => download.attach(made, { priceWeiPerMib: 0n, reputation: 500 }) },
  )
  deepEqual(await source.ended, { code: 'failed', cause: 'DIAL_FAILED' })

  // A handshake that never comes does not keep the server from closing.
  const silent = connect(port, host)
  silent.on('error', () => undefined)
  await new Promise((resolve) => silent.once('connect', resolve))
})
