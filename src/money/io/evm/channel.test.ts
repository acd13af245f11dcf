// Goal: the channel contract on a real EVM, attacked: nobody gets a wei that was not promised to them, and nobody who was
// promised one can be robbed of it or blocked.
import { equal, rejects } from 'node:assert/strict'
import { after, test } from 'node:test'
import { parseEventLogs } from 'viem'
import { TALLY_CHANNEL_ABI } from '../../../../contracts/generated/tally-channel.ts'
import { systemRandom } from '../../../base/io/system.ts'
import { channelIdOf } from '../../acceptance.ts'
import { domainSeparator } from '../../eip712.ts'
import { fresh, hex, startContracts } from './contracts.fixture.ts'

/** The order of secp256k1: `ORDER - s` is the other s of a signature. */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

const world = await startContracts()
after(() => world[Symbol.asyncDispose]())
const { client, payer, payee, other, onChannel, read, credits, allocated, open, voucher } = world

test('the contract agrees with us on domain and channel ids', async () => {
  equal(await read('domainSeparator', []), hex(domainSeparator(world.network)))
  const salt = systemRandom.bytes(32)
  equal(await read('channelId', [payer.address, hex(salt)]), hex(channelIdOf(world.network, payer.evm, salt)))
  equal(await read('genesis', []), hex(world.network.genesis))
})

test('many lanes in one claim; differences are credited; replays and lower vouchers add nothing', async () => {
  const channel = await open(1000n, [payee.address], [600n])
  const first = [voucher(channel, 1, 100n), voucher(channel, 4, 50n)]
  const receipt = await onChannel(payee, 'claim', [channel, first])
  equal(parseEventLogs({ abi: TALLY_CHANNEL_ABI, logs: receipt.logs, eventName: 'Claimed' }).length, 2)
  equal(await credits(payee.address), 150n)
  await onChannel(payee, 'claim', [channel, first])
  await onChannel(payee, 'claim', [channel, [voucher(channel, 1, 99n)]])
  equal(await credits(payee.address), 150n)
  await onChannel(payee, 'claim', [channel, [voucher(channel, 1, 130n)]])
  equal(await credits(payee.address), 180n)
  const balance = await client.getBalance({ address: other.address })
  await onChannel(payee, 'withdraw', [other.address])
  equal(await client.getBalance({ address: other.address }), balance + 180n)
  await onChannel(payee, 'withdraw', [other.address]) // nothing left, nothing sent
  equal(await client.getBalance({ address: other.address }), balance + 180n)
})

test('a claim never exceeds the allocation; the rest can be claimed when it is raised', async () => {
  const channel = await open(1000n, [payee.address], [100n])
  const best = voucher(channel, 0, 400n)
  const before = await credits(payee.address)
  await onChannel(payee, 'claim', [channel, [best, voucher(channel, 1, 400n)]])
  equal((await credits(payee.address)) - before, 100n)
  await onChannel(payer, 'allocate', [channel, [payee.address], [300n]])
  await onChannel(payee, 'claim', [channel, [best]])
  equal((await credits(payee.address)) - before, 300n)
})

test('vouchers that are not for this payee, payer, channel, contract or chain are refused', async () => {
  const channel = await open(1000n, [payee.address, other.address], [500n, 500n])
  const elsewhere = await open(10n)
  const refuses = (bad: ReturnType<typeof voucher>, by = payee) =>
    rejects(onChannel(by, 'claim', [channel, [bad]]), { name: 'WrongSigner' })
  await refuses(voucher(channel, 0, 10n, { by: other }))
  await refuses(voucher(channel, 0, 10n), other)
  await refuses(voucher(elsewhere, 0, 10n))
  await refuses(voucher(channel, 0, 10n, { network: { ...world.network, genesis: new Uint8Array(32) } }))
  await refuses(voucher(channel, 0, 10n, { network: { ...world.network, chainId: 1 } }))
  await refuses(voucher(channel, 0, 10n, { network: { ...world.network, channels: world.network.batchPay } }))
  await refuses({ ...voucher(channel, 0, 10n), cumulative: 11n })
  await rejects(onChannel(payee, 'claim', [fresh(), [voucher(channel, 0, 10n)]]), { name: 'NoChannel' })
})

test('a second form of a signature is refused: high s, other v, 64 bytes', async () => {
  const channel = await open(1000n, [payee.address], [500n])
  const good = voucher(channel, 0, 10n)
  const s = BigInt(`0x${good.signature.slice(66, 130)}`)
  const v = good.signature.slice(130) === '1b' ? '1c' : '1b'
  const highS = `${good.signature.slice(0, 66)}${(ORDER - s).toString(16).padStart(64, '0')}${v}`
  await rejects(onChannel(payee, 'claim', [channel, [{ ...good, signature: highS }]]), {
    name: 'ECDSAInvalidSignatureS',
  })
  const v0 = `${good.signature.slice(0, 130)}00`
  await rejects(onChannel(payee, 'claim', [channel, [{ ...good, signature: v0 }]]), {
    name: 'ECDSAInvalidSignature',
  })
  const short = good.signature.slice(0, 130)
  await rejects(onChannel(payee, 'claim', [channel, [{ ...good, signature: short }]]), {
    name: 'ECDSAInvalidSignatureLength',
  })
})

test('lanes come in ascending order, each once', async () => {
  const channel = await open(1000n, [payee.address], [500n])
  for (const lanes of [
    [2, 1],
    [1, 1],
  ]) {
    const vouchers = lanes.map((lane) => voucher(channel, lane, 10n))
    await rejects(onChannel(payee, 'claim', [channel, vouchers]), { name: 'LaneOrder' })
  }
})

test('allocations never exceed the deposit and are never lowered by the payer', async () => {
  const channel = await open(1000n, [payee.address], [600n])
  await rejects(onChannel(payer, 'allocate', [channel, [other.address], [401n]]), { name: 'AboveDeposit' })
  await rejects(onChannel(payer, 'allocate', [channel, [other.address, other.address], [300n, 401n]]), {
    name: 'AboveDeposit',
  })
  await rejects(onChannel(payer, 'allocate', [channel, [payee.address], [599n]]), { name: 'WouldLower' })
  await rejects(onChannel(other, 'allocate', [channel, [other.address], [1n]]), { name: 'NotPayer' })
  await rejects(onChannel(payer, 'allocate', [channel, [other.address], []]), { name: 'LengthMismatch' })
  await rejects(onChannel(payer, 'open', [fresh(), [payee.address], [2n]], 1n), { name: 'AboveDeposit' })
  await onChannel(payer, 'allocate', [channel, [other.address], [500n]], 100n) // with coins sent along
  await onChannel(other, 'topUp', [channel], 5n)
  await onChannel(payer, 'allocate', [channel, [other.address], [505n]])
  const salt = fresh()
  await onChannel(payer, 'open', [salt, [], []], 1n)
  await rejects(onChannel(payer, 'open', [salt, [], []], 1n), { name: 'ChannelExists' })
})

test('closing needs the delay and 256 blocks; claims go on until it is finished, then never', async () => {
  const channel = await open(1000n, [payee.address], [600n])
  await rejects(onChannel(payer, 'finishClose', [channel]), { name: 'NotClosing' })
  await rejects(onChannel(other, 'startClose', [channel]), { name: 'NotPayer' })
  await onChannel(payer, 'startClose', [channel])
  for (const [name, args] of [
    ['allocate', [channel, [other.address], [1n]]],
    ['startClose', [channel]],
    ['topUp', [channel]],
  ] as const) {
    await rejects(onChannel(payer, name, args), { name: 'ChannelClosing' })
  }
  await world.pass(3600, 1) // an outage: time without blocks
  await rejects(onChannel(payer, 'finishClose', [channel]), { name: 'TooEarly' })
  await world.pass(1, 256)
  const before = await credits(payee.address)
  await onChannel(payee, 'claim', [channel, [voucher(channel, 0, 250n)]]) // late, but before it is finished
  equal((await credits(payee.address)) - before, 250n)
  await rejects(onChannel(other, 'finishClose', [channel]), { name: 'NotPayer' })
  const payerBefore = await credits(payer.address)
  await onChannel(payer, 'finishClose', [channel])
  equal((await credits(payer.address)) - payerBefore, 750n)
  await rejects(onChannel(payer, 'finishClose', [channel]), { name: 'ChannelClosed' })
  await onChannel(payee, 'claim', [channel, [voucher(channel, 0, 500n)]])
  equal((await credits(payee.address)) - before, 250n)
})

test('blocks alone do not close either', async () => {
  const channel = await open(10n)
  await onChannel(payer, 'startClose', [channel])
  await world.chain.rpc('anvil_mine', ['0x12c', '0x0']) // 300 blocks of no time
  await rejects(onChannel(payer, 'finishClose', [channel]), { name: 'TooEarly' })
})

test('an allocation is taken back after the same delays, or at once by its payee', async () => {
  const channel = await open(1000n, [payee.address, other.address], [600n, 400n])
  await onChannel(payee, 'claim', [channel, [voucher(channel, 0, 100n)]])
  await onChannel(other, 'release', [channel])
  equal(await allocated(channel, other.address), 0n)
  await rejects(onChannel(payer, 'finishReclaim', [channel, [payee.address]]), { name: 'NotClosing' })
  await onChannel(payer, 'startReclaim', [channel, [payee.address]])
  await rejects(onChannel(payer, 'finishReclaim', [channel, [payee.address]]), { name: 'TooEarly' })
  await world.pass(61, 100)
  await rejects(onChannel(payer, 'finishReclaim', [channel, [payee.address]]), { name: 'TooEarly' })
  await world.pass(1, 256)
  await onChannel(payee, 'claim', [channel, [voucher(channel, 0, 150n)]])
  await onChannel(payer, 'finishReclaim', [channel, [payee.address]])
  equal(await allocated(channel, payee.address), 150n, 'never below what was claimed')
  await onChannel(payer, 'allocate', [channel, [other.address], [850n]])
})
