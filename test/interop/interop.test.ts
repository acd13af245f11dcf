// Goal: real clients take every format from us and give it to us, byte for byte. INTEROP=full runs the whole matrix;
// INTEROP_ONLY=words keeps the cases whose names contain all the words; INTEROP_US=libtorrent puts another client in
// our place, which tells a fault of ours from a fault of the test.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { createFixtures } from './fixtures.ts'
import { type Case, CLIENTS, formatMatrix, fullMatrix, nameOf, type Result, shortMatrix } from './matrix.ts'
import { ours } from './ours.ts'
import type { Client } from './peer.ts'
import { transfer } from './transfer.ts'

/** More than there are cores: most clients mostly wait for timers of their own. */
const CASES_AT_ONCE = 4

const full = process.env['INTEROP'] === 'full'
const words = (process.env['INTEROP_ONLY'] ?? '').split(' ')
const us = [ours, ...CLIENTS].find(({ name }) => name === (process.env['INTEROP_US'] ?? ours.name))!

const isPossible = ({ client, format }: Case) => (client.dials || us.dials) && us.formats.includes(format)
const isWanted = (one: Case) => words.every((word) => nameOf(one).includes(word))

/** Seconds for people. */
const secondsSince = (startMs: number) => `${((performance.now() - startMs) / 1000).toFixed(1)} s`

test('interop', { concurrency: CASES_AT_ONCE }, async (t) => {
  const versions = new Map<string, string>()
  for (const client of CLIENTS) {
    const version = (await client.version())?.match(/\d[\w.]*/)?.[0]
    if (version !== undefined) versions.set(client.name, version)
  }
  await using fixtures = await createFixtures()
  const cases = (full ? fullMatrix() : shortMatrix()).filter(isPossible).filter(isWanted)
  assert.ok(cases.length > 0, 'INTEROP_ONLY leaves no case')
  const results: Result[] = []
  const madeBy = (seeder: Client) =>
    versions.has('libtorrent') && seeder !== ours ? ('libtorrent' as const) : ('tallyswarm' as const)

  const run = (one: Case) =>
    t.test(nameOf(one), async (tt) => {
      const startMs = performance.now()
      if (!versions.has(one.client.name)) {
        results.push({ ...one, outcome: 'absent' })
        tt.skip(`ABSENT: ${one.client.name} is not installed (Debian package ${one.client.debianPackage})`)
        return
      }
      try {
        const maker = madeBy(one.direction === '← us' ? us : one.client)
        await transfer(one, { us, maker, fixtures })
        results.push({ ...one, outcome: `ok ${secondsSince(startMs)}` })
      } catch (error) {
        results.push({ ...one, outcome: 'FAILED' })
        throw error
      }
    })
  await Promise.all(cases.map(run))
  const order = new Map(cases.map((one, index) => [nameOf(one), index]))
  results.sort((a, b) => order.get(nameOf(a))! - order.get(nameOf(b))!)
  t.diagnostic(`interop matrix, ${us.name} as us\n${formatMatrix(results, versions)}`)
})
