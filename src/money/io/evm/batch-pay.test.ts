// Goal: the batch contract on a real EVM, attacked: each batch pays once and exactly, and no payee can take more or block
// the others.
import { equal, ok, rejects } from 'node:assert/strict'
import { after, test } from 'node:test'
import { type Abi, encodeFunctionData, type Hex } from 'viem'
import {
  GLUTTON_BYTECODE,
  REENTRANT_ABI,
  REENTRANT_BYTECODE,
  REFUSER_BYTECODE,
} from '../../../../contracts/generated/attackers.ts'
import { BATCH_PAY_ABI } from '../../../../contracts/generated/batch-pay.ts'
import { parseAddress } from '../../address.ts'
import { fresh, startContracts } from './contracts.fixture.ts'

const world = await startContracts()
after(() => world[Symbol.asyncDispose]())
const { client, payer, payee, other, call, onBatch, deploy } = world

test('reentering withdraw pays once', async () => {
  const attacker = await deploy(REENTRANT_BYTECODE)
  // The attacker becomes a payee of BatchPay by a send that fails (it reenters), then withdraws reentering.
  const withdraw = encodeFunctionData({ abi: BATCH_PAY_ABI, functionName: 'withdraw', args: [attacker] })
  const refuser = await deploy(REFUSER_BYTECODE)
  await onBatch(payer, 'pay', [fresh(), [refuser], [500n]], 500n) // coins that are there to be stolen
  await call(payer, attacker, REENTRANT_ABI as Abi, 'arm', [world.network.batchPay, withdraw])
  await onBatch(payer, 'pay', [fresh(), [attacker], [7n]], 7n)
  const held = await client.getBalance({ address: world.network.batchPay })
  await call(payer, attacker, REENTRANT_ABI as Abi, 'run', [world.network.batchPay, withdraw])
  equal(
    await client.readContract({ address: attacker, abi: REENTRANT_ABI, functionName: 'reentered' }),
    false,
  )
  ok((await client.getBalance({ address: world.network.batchPay })) >= held - 7n)
  ok((await client.getBalance({ address: attacker })) <= 7n)
})

test('one payee that refuses coins, burns gas or reenters blocks nobody in a batch', async () => {
  const plain = parseAddress('0x00000000000000000000000000000000000abcde')
  const bad = [
    await deploy(REFUSER_BYTECODE),
    await deploy(GLUTTON_BYTECODE),
    await deploy(REENTRANT_BYTECODE),
  ]
  const again = encodeFunctionData({ abi: BATCH_PAY_ABI, functionName: 'pay', args: [fresh(), [], []] })
  await call(payer, bad[2]!, REENTRANT_ABI as Abi, 'arm', [world.network.batchPay, again])
  const receipt = await onBatch(payer, 'pay', [fresh(), [...bad, plain], [1n, 2n, 3n, 4n]], 10n)
  ok(receipt.gasUsed < 500_000n)
  equal(await client.getBalance({ address: plain }), 4n)
  const credit = (address: Hex) =>
    client.readContract({
      address: world.network.batchPay,
      abi: BATCH_PAY_ABI,
      functionName: 'credits',
      args: [address],
    })
  equal(await credit(bad[0]!), 1n)
  equal(await credit(bad[1]!), 2n)
  equal((await credit(bad[2]!)) + (await client.getBalance({ address: bad[2]! })), 3n)
})

test('a batch id pays once for its payer, and the sum must be exact', async () => {
  const batch = fresh()
  await onBatch(payer, 'pay', [batch, [payee.address], [5n]], 5n)
  await rejects(onBatch(payer, 'pay', [batch, [payee.address], [5n]], 5n), { name: 'BatchDone' })
  await onBatch(other, 'pay', [batch, [payee.address], [5n]], 5n) // another payer's ids are its own
  await rejects(onBatch(payer, 'pay', [fresh(), [payee.address], [5n]], 6n), { name: 'WrongSum' })
  await rejects(onBatch(payer, 'pay', [fresh(), [payee.address], [5n]], 4n), { name: 'WrongSum' })
  await rejects(onBatch(payer, 'pay', [fresh(), [payee.address], []], 4n), { name: 'LengthMismatch' })
})
