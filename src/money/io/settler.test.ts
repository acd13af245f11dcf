// Goal: settling waits while the chain is down and goes on when it is back; it never signs for another chain;
// a stuck
// transaction gets a higher fee and a lost nonce a new one, without paying twice.
import { equal, ok, rejects } from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemRandom } from '../../base/io/system.ts'
import { channelIdOf } from '../acceptance.ts'
import type { Driver } from '../driver.ts'
import { connectEvm } from './evm/chain.ts'
import { deployContracts } from './evm/deploy.ts'
import { createEvmDriver } from './evm/driver.ts'
import { cuttableWay, startTestChain, type TestChain, type TestPerson } from './fixture.ts'

let world: TestChain
before(async () => {
  world = await startTestChain()
})
after(() => world[Symbol.asyncDispose]())

async function openChannel(person: TestPerson, depositWei = 5n): Promise<Uint8Array> {
  const channelSalt = systemRandom.bytes(32)
  await person.settler.settle(`open-${systemRandom.fraction()}`, {
    type: 'open',
    channelSalt,
    depositWei,
    allocations: [],
  })
  return channelIdOf(world.network, person.wallet.address, channelSalt)
}
const deposit = async (person: TestPerson, channel: Uint8Array) =>
  (await person.driver.channel(channel)).depositWei

for (const mode of ['cut', 'nonsense'] as const) {
  test(`waits while the chain is down (${mode}), says so, and goes on when it is back`, async () => {
    await using way = await cuttableWay(world.chain.url)
    await using person = await world.person({ url: way.url })
    const channel = await openChannel(person)
    way.mode = mode
    const done = person.settler.settle('later', { type: 'top-up', channel, amountWei: 7n })
    while (person.settler.status().trouble === undefined) await sleep(5)
    equal(person.settler.status().trouble?.code, 'CHAIN_UNREACHABLE')
    equal(person.driver.health.reachable, false)
    equal(person.settler.status().waiting, 1)
    way.mode = 'up'
    await done
    equal(await deposit(person, channel), 12n)
    equal(person.settler.status().trouble, undefined)
    equal(person.driver.health.reachable, true)
  })
}

test('never asks or signs for another chain', async () => {
  await rejects(connectEvm({ url: world.chain.url, chainId: 1 }), { code: 'CHAIN_WRONG' })
  await rejects(connectEvm({ url: world.chain.url, genesis: new Uint8Array(32) }), { code: 'CHAIN_WRONG' })
  await rejects(connectEvm({ url: 'http://127.0.0.1:1' }), { code: 'CHAIN_UNREACHABLE' })
  await using person = await world.person()
  const wrong = createEvmDriver(
    { url: world.chain.url, network: { ...world.network, genesis: new Uint8Array(32).fill(1) } },
    person,
  )
  await rejects(wrong.prepare({ type: 'withdraw' }, {}), { code: 'CHAIN_WRONG' })
})

test('a contract made for another genesis is not used', async () => {
  await using person = await world.person()
  const chain = await connectEvm({ url: world.chain.url })
  const foreign = await deployContracts({ ...chain, genesis: new Uint8Array(32).fill(2) }, person)
  const network = { ...world.network, channels: foreign.channels }
  const driver = createEvmDriver({ url: world.chain.url, network }, person)
  await rejects(driver.prepare({ type: 'withdraw' }, {}), { code: 'CHAIN_WRONG' })
})

test('a refused action fails for good and does not block the next; ids are settled once', async () => {
  await using person = await world.person()
  const channel = await openChannel(person)
  const refused = person.settler.settle('too-much', { type: 'top-up', channel, amountWei: 10n ** 30n })
  const next = person.settler.settle('next', { type: 'top-up', channel, amountWei: 1n })
  await rejects(refused, { code: 'SETTLEMENT_FAILED' })
  const { hash } = await next
  const again = await Promise.all(
    [1, 2, 3].map(() => person.settler.settle('next', { type: 'top-up', channel, amountWei: 1n })),
  )
  ok(again.every((settled) => settled.hash === hash))
  equal(await deposit(person, channel), 6n)
})

test('a stuck transaction is sent again with a higher fee, on the same nonce', async () => {
  await using person = await world.person({ raiseFeeAfterMs: 50 })
  const channel = await openChannel(person)
  await world.chain.rpc('evm_setAutomine', [false])
  const done = person.settler.settle('stuck', { type: 'top-up', channel, amountWei: 1n })
  await sleep(300)
  await world.chain.rpc('anvil_mine', ['0x1'])
  await world.chain.rpc('evm_setAutomine', [true])
  await done
  equal(await deposit(person, channel), 6n)
})

test('a nonce taken by another transaction of ours leads to a new transaction, once', async () => {
  const secretKey = systemRandom.bytes(32)
  let taken = false
  const takeNonce = (driver: Driver): Driver => ({
    ...driver,
    health: driver.health,
    send: async (submission) => {
      if (!taken) {
        taken = true // another program with the same key is faster
        const rival = createEvmDriver({ url: world.chain.url, network: world.network }, person)
        await rival.send(await rival.prepare({ type: 'withdraw' }, {}))
      }
      return driver.send(submission)
    },
  })
  await using person = await world.person({ secretKey })
  const channel = await openChannel(person)
  await using same = await world.person({ secretKey, wrap: takeNonce })
  await same.settler.settle('raced', { type: 'top-up', channel, amountWei: 3n })
  equal(await deposit(same, channel), 8n)
})
