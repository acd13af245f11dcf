// Goal: an agent opens no more connections than it may, to no other address than was checked, and none after
// its end.
import { equal } from 'node:assert/strict'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createPinnedAgents, type PinnedAgentSettings } from './pinned-agent.ts'

const settings: PinnedAgentSettings = {
  reach: 'local',
  connectTimeoutMs: 1_000,
  connectionsMax: 1,
  dialsMax: 1,
}

async function echo(): Promise<AsyncDisposable & { readonly port: number; readonly open: () => number }> {
  let open = 0
  const server = createServer((req, res) => {
    if (req.url === '/close') res.setHeader('Connection', 'close')
    res.end('hello')
  })
  server.on('connection', (socket) => {
    open++
    socket.once('close', () => open--)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    open: () => open,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The status, or the code of the failure. */
const ask = (agents: ReturnType<typeof createPinnedAgents>, port: number, path = '/', host = 'localhost') =>
  new Promise<number | string>((resolve) => {
    const req = request({ agent: agents.http, host, port, path }, (res) => {
      res.resume().once('end', () => setImmediate(() => resolve(res.statusCode!)))
    })
    req.on('error', (error: NodeJS.ErrnoException) => resolve(error.code!))
    req.end()
  })

test('a second dial is refused, a kept connection is used again', async () => {
  await using server = await echo()
  const agents = createPinnedAgents(settings)
  equal(await ask(agents, server.port), 200)
  equal(await ask(agents, server.port, '/close'), 200)
  equal(await ask(agents, server.port), 'CONNECTION_LOST')
  agents.close()
})

test('closing while it dials leaves nothing open', async () => {
  await using server = await echo()
  const agents = createPinnedAgents({ ...settings, dialsMax: 9 })
  const asked = ask(agents, server.port)
  agents.close()
  equal(await asked, 'CONNECTION_LOST')
  equal(await ask(agents, server.port), 'CONNECTION_LOST')
  while (server.open() > 0) await new Promise((next) => setTimeout(next, 5))
})

test('names and addresses inside are refused, dead ends have a code', async () => {
  const agents = createPinnedAgents({ ...settings, reach: 'public', dialsMax: 9 })
  for (const host of ['localhost', '127.0.0.1', '::1', '10.1.2.3']) {
    equal(await ask(agents, 9, '/', host), 'ADDRESS_REFUSED')
  }
  agents.close()
  const local = createPinnedAgents({ ...settings, dialsMax: 9 })
  equal(await ask(local, 1, '/', '127.0.0.1'), 'DIAL_FAILED')
  local.close()
})
