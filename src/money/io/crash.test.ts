// Goal: a process killed between any two steps of settling neither pays twice nor loses a claim; an
// acknowledged
// voucher is never lost; the dev chain never outlives its parent.
import { equal } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { toHex } from '../../base/bytes.ts'
import { systemRandom } from '../../base/io/system.ts'
import { channelIdOf } from '../acceptance.ts'
import { owed } from '../wei.ts'
import type { ChildTask } from './crash.fixture.ts'
import { type KillPoint, PRICE_WEI_PER_MIB, SOLD_BYTES, startTestChain, type TestChain } from './fixture.ts'
import { createSeller } from './seller.ts'

let world: TestChain
before(async () => {
  world = await startTestChain()
})
after(() => world[Symbol.asyncDispose]())

/** 'SIGKILL', or 'done'. */
async function runChild(
  task: Partial<ChildTask> & Pick<ChildTask, 'task' | 'kill' | 'dir' | 'key'>,
): Promise<string> {
  const { network, chain } = world
  const { channels, batchPay } = network
  const options = { url: chain.url, genesis: toHex(network.genesis), channels, batchPay, ...task }
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'crash.fixture.ts'), JSON.stringify(options)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const [code, signal] = await once(child, 'exit')
  return signal ?? (code === 0 ? output.trim() : `exit ${code}`)
}

const points: KillPoint[] = ['prepare', 'prepared', 'send', 'sent', 'outcome', 'confirmed']

test('a top-up, which the contract would take any number of times, happens once wherever we are killed', {
  concurrency: 4,
}, async (t) => {
  await Promise.all(
    points.map((kill) =>
      t.test(`killed at ${kill}`, async () => {
        const secretKey = systemRandom.bytes(32)
        const dir = await world.folder()
        const salt = systemRandom.bytes(32)
        let channel: Uint8Array
        {
          await using person = await world.person({ secretKey, dir })
          channel = channelIdOf(world.network, person.wallet.address, salt)
          await person.settler.settle('open', {
            type: 'open',
            channelSalt: salt,
            depositWei: 1n,
            allocations: [],
          })
        }
        const task = { task: 'top-up' as const, dir, key: toHex(secretKey), channel: toHex(channel) }
        equal(await runChild({ ...task, kill }), 'SIGKILL')
        await using person = await world.person({ secretKey, dir })
        // As the child would after a restart; where not even the intent was kept, this is the first time.
        await person.settler.settle('the-top-up', { type: 'top-up', channel, amountWei: 1000n })
        equal((await person.driver.channel(channel)).depositWei, 1001n)
        equal(person.settler.status().waiting, 0)
      }),
    ),
  )
})

test('what a seller acknowledged is claimed, once, wherever it is killed', { concurrency: 4 }, async (t) => {
  const points: KillPoint[] = ['acknowledged', 'prepared', 'sent', 'confirmed']
  await Promise.all(
    points.map((kill) =>
      t.test(`killed at ${kill}`, async () => {
        const secretKey = systemRandom.bytes(32)
        const buyerKey = systemRandom.bytes(32)
        const dir = await world.folder()
        const buyerDir = await world.folder()
        const balance = async (key: Uint8Array) => {
          await using person = await world.person({ secretKey: key })
          return person.driver.balance(person.wallet.address) // each asking adds the fixture's coins
        }
        const before = await balance(secretKey)
        const fundsWei = (await balance(secretKey)) - before
        await balance(buyerKey)
        const task = {
          task: 'sell' as const,
          dir,
          key: toHex(secretKey),
          buyerKey: toHex(buyerKey),
          buyerDir,
        }
        equal(await runChild({ ...task, kill }), 'SIGKILL')
        await using person = await world.person({ secretKey, dir })
        await using seller = await createSeller({ priceWeiPerMib: PRICE_WEI_PER_MIB }, person)
        await person.settler.idle()
        await seller.settle()
        const earned = (await person.driver.balance(person.wallet.address)) - before - 2n * fundsWei
        equal(earned + person.settler.status().feesWei, owed(SOLD_BYTES, PRICE_WEI_PER_MIB))
        equal(seller.status().unclaimedWei, 0n)
        equal(person.settler.status().failed, 0)
      }),
    ),
  )
})

test('anvil ends when the process that started it is killed', async () => {
  const source = join(import.meta.dirname, 'anvil.ts')
  const script = `import { startDevChain } from '${source}'; const chain = await startDevChain(); console.log(chain.url)`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [chunk] = await once(parent.stdout, 'data')
  const url = String(chunk).trim()
  const answers = () =>
    fetch(url, { method: 'POST', body: '{}' }).then(
      () => true,
      () => false,
    )
  equal(await answers(), true)
  parent.kill('SIGKILL')
  for (let tries = 0; tries < 600 && (await answers()); tries++) await sleep(50)
  equal(await answers(), false)
})
