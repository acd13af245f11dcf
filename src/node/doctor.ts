/**
 * What could go wrong on this machine, checked before it does.
 *
 * @module
 */
import { constants } from 'node:fs'
import { access, mkdir, readFile, statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import { messageOf } from '../base/errors.ts'
import type { Config } from './config.ts'
import { readConfig } from './config.ts'
import type { Home } from './home.ts'

export type Finding = {
  readonly what: string
  readonly verdict: 'ok' | 'warning' | 'failed'
  readonly detail: string
}

const FREE_BYTES_MIN = 1 << 30
const DESCRIPTORS_MIN = 1024

const ok = (what: string, detail: string): Finding => ({ what, verdict: 'ok', detail })
const warning = (what: string, detail: string): Finding => ({ what, verdict: 'warning', detail })
const failed = (what: string, detail: string): Finding => ({ what, verdict: 'failed', detail })

async function checkHome(home: Home): Promise<Finding> {
  try {
    await mkdir(home.path, { recursive: true, mode: 0o700 })
    await access(home.path, constants.W_OK)
    const { bavail, bsize } = await statfs(home.path)
    const free = bavail * bsize
    const detail = `${home.path}, ${Math.floor(free / (1 << 20))} MiB free`
    return free < FREE_BYTES_MIN ? warning('home', `${detail}: less than 1 GiB`) : ok('home', detail)
  } catch (error) {
    return failed('home', `${home.path}: ${messageOf(error)}; choose another with --home`)
  }
}

async function checkPort(what: string, host: string, port: number): Promise<Finding> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) =>
      resolve(warning(what, `port ${port}: ${messageOf(error)}; set another in config.toml or with --port`)),
    )
    server.listen({ port, ...(host === '' ? {} : { host }) }, () =>
      server.close(() => resolve(ok(what, port === 0 ? 'any free port' : `port ${port} is free`))),
    )
  })
}

async function checkDescriptors(): Promise<Finding> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const soft = Number(/Max open files\s+(\d+)/.exec(limits)?.[1])
  if (!Number.isSafeInteger(soft)) return ok('descriptors', 'limit not readable on this system')
  const detail = `${soft} open files allowed`
  return soft < DESCRIPTORS_MIN
    ? warning('descriptors', `${detail}; raise it (ulimit -n) to serve many peers`)
    : ok('descriptors', detail)
}

async function checkChain(config: Config): Promise<Finding> {
  const { rpc_url: url, chain_id: expected } = config.money
  if (url === '') return ok('chain', 'none configured: `up` and `demo` start a development chain')
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] }),
      signal: AbortSignal.timeout(5_000),
    })
    const { result } = (await answer.json()) as { result?: string }
    const found = Number(result)
    return found === expected
      ? ok('chain', `${url} is chain ${found}`)
      : failed('chain', `${url} is chain ${result}, config says ${expected}`)
  } catch (error) {
    return failed('chain', `${url}: ${messageOf(error)}; transfers go on, settlement waits`)
  }
}

/** Every check, in a fixed order. Never throws. */
export async function examine(home: Home): Promise<Finding[]> {
  const findings = [ok('node', `${process.versions.node} on ${process.platform} ${process.arch}`)]
  findings.push(await checkHome(home), await checkDescriptors())
  try {
    const config = await readConfig(home.path)
    findings.push(ok('config', 'right'))
    findings.push(await checkPort('bittorrent', config.bittorrent.host, config.bittorrent.port))
    if (config.http.enabled) findings.push(await checkPort('http', config.http.host, config.http.port))
    findings.push(await checkChain(config))
  } catch (error) {
    findings.push(failed('config', messageOf(error)))
  }
  return findings
}
