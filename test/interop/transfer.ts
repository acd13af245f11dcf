/**
 * One transfer of the matrix: a seeder, a leecher, one connection on loopback, and the bytes compared.
 *
 * @module
 */
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { differences } from '../support/data.ts'
import { freePort } from '../support/ports.ts'
import type { Fixtures, Maker } from './fixtures.ts'
import { type Case, nameOf } from './matrix.ts'
import type { Client, Peer } from './peer.ts'

const DONE_MS = 180_000

export type TransferOptions = {
  readonly us: Client
  readonly maker: Maker
  readonly fixtures: Fixtures
}

/** Carries out one case. @throws with both sides' last words when it does not end in the same bytes */
export async function transfer(one: Case, { us, maker, fixtures }: TransferOptions): Promise<void> {
  const [seeder, leecher] = one.direction === '← us' ? [us, one.client] : [one.client, us]
  const fixture = await fixtures.torrent(maker, one.format, one.content)
  const work = await fixtures.folder()
  const outDir = join(work, 'out')
  const [seedPort, leechPort] = [await freePort(), await freePort()]
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(work, { recursive: true, force: true }))

  const seed = () =>
    seeder.start({
      mode: 'seed',
      torrent: fixture.torrent,
      dir: dirname(fixtures.path(one.content)),
      workDir: join(work, 'seeder'),
      port: seedPort,
      ...(leecher.dials ? {} : { dialPort: leechPort }),
    })
  const leech = () =>
    leecher.start({
      mode: 'leech',
      torrent: fixture.torrent,
      ...(one.link === 'magnet' ? { magnet: fixture.magnet } : {}),
      dir: outDir,
      workDir: join(work, 'leecher'),
      port: leechPort,
      ...(leecher.dials ? { dialPort: seedPort } : {}),
    })
  const started: Peer[] = []
  for (const start of leecher.dials ? [seed, leech] : [leech, seed]) started.push(stack.use(await start()))
  const [seeding, leeching] = leecher.dials ? started : started.toReversed()
  try {
    await leeching!.done(DONE_MS)
    const wrong = await differences(fixtures.path(one.content), join(outDir, fixture.name), leecher)
    if (wrong.length > 0) throw new Error(`not the same bytes:\n${wrong.join('\n')}`)
  } catch (cause) {
    const words = `seeder ${seeder.name} said:\n${seeding!.log()}\nleecher ${leecher.name} said:\n${leeching!.log()}`
    throw new Error(`${nameOf(one)} failed: ${(cause as Error).message}\n${words}`, { cause })
  }
}
