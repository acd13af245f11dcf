// Goal: a name leads to checked addresses only, whatever its resolver says and however it changes its mind.
import { deepEqual, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { resolveHost } from './resolve.ts'

const answers = (...addresses: string[]) => ({ lookup: async () => addresses, reach: 'public' as const })

test('of a mixed answer only what is public stays, in one spelling', async () => {
  const mixed = answers('10.0.0.1', '::ffff:8.8.8.8', '8.8.8.8', '2606:4700:0::1111', '169.254.169.254')
  deepEqual(await resolveHost('mixed.example', mixed), ['8.8.8.8', '2606:4700::1111'])
})

test('refuses names and literals that lead inside, and answers that are no addresses', async () => {
  for (const host of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '169.254.169.254', 'fe80::1%eth0']) {
    await rejects(resolveHost(host, { reach: 'public' }), { code: 'ADDRESS_REFUSED' }, host)
  }
  await rejects(resolveHost('inside.example', answers('192.168.0.1')), { code: 'ADDRESS_REFUSED' })
  await rejects(resolveHost('odd.example', answers('localhost')), { code: 'ADDRESS_REFUSED' })
})

test('local reach allows this machine by name, never a metadata service', async () => {
  deepEqual(await resolveHost('127.0.0.1', { reach: 'local' }), ['127.0.0.1'])
  await rejects(resolveHost('169.254.169.254', { reach: 'local' }), { code: 'ADDRESS_REFUSED' })
})

test('a resolver that fails or hangs gives an error with a code', async () => {
  const failing = { reach: 'public' as const, lookup: () => Promise.reject(new Error('no such name')) }
  await rejects(resolveHost('gone.example', failing), { code: 'RESOLVE_FAILED' })
  const hanging = { reach: 'public' as const, lookup: () => new Promise<never>(() => {}) }
  const controller = new AbortController()
  const resolving = resolveHost('slow.example', { ...hanging, signal: controller.signal })
  controller.abort()
  await rejects(resolving, { code: 'RESOLVE_FAILED' })
})
