/**
 * For tests of crashes: does one piece of settling in a process of its own and is killed at the point it is
 * told. Options come as JSON on the command line (bytes as hex); it prints `done` if it gets to the end.
 *
 * @module
 */
import { fromHex } from '../../base/bytes.ts'
import { type EvmAddress, parseAddress } from '../address.ts'
import { createBuyer } from './buyer.ts'
import { type KillPoint, killingAt, openPerson, PRICE_WEI_PER_MIB, SOLD_BYTES } from './fixture.ts'
import { createSeller } from './seller.ts'

export type ChildTask = {
  readonly task: 'top-up' | 'sell'
  readonly kill: KillPoint
  readonly url: string
  readonly genesis: string
  readonly channels: EvmAddress
  readonly batchPay: EvmAddress
  readonly dir: string
  readonly key: string
  /** Top-up: the channel. Sell: the buyer's key and folder. */
  readonly channel: string
  readonly buyerKey: string
  readonly buyerDir: string
}

const options: ChildTask = JSON.parse(process.argv[2] ?? '{}')
const { url, dir, kill } = options
const network = {
  chainId: 98_765,
  genesis: fromHex(options.genesis),
  channels: parseAddress(options.channels),
  batchPay: parseAddress(options.batchPay),
}

const mortal = { url, network, dir, secretKey: fromHex(options.key), wrap: killingAt(kill) }

async function topUp(): Promise<void> {
  await using person = await openPerson(mortal)
  await person.settler.settle('the-top-up', {
    type: 'top-up',
    channel: fromHex(options.channel),
    amountWei: 1000n,
  })
}

async function sell(): Promise<void> {
  const buying = { secretKey: fromHex(options.buyerKey), dir: options.buyerDir }
  await using person = await openPerson(mortal)
  await using payer = await openPerson({ url, network, ...buying })
  await using seller = await createSeller({ priceWeiPerMib: PRICE_WEI_PER_MIB }, person)
  await using buyer = await createBuyer({ budgetWei: 10n ** 18n }, payer)
  const share = new Uint8Array(32)
  const tally = new Uint8Array(32).fill(1)
  const terms = seller.terms({ share })
  const limits = { share, priceWeiPerMibMax: PRICE_WEI_PER_MIB, spendWeiMax: 10n ** 18n }
  const purchase = buyer.purchase(limits).terms()
  const judged = await purchase.judge(terms.quote)
  if (!judged.ok) throw new Error(judged.reason)
  await terms.accepted(judged.acceptance)
  await terms.credit((await purchase.pay(tally, SOLD_BYTES)).payment, tally, SOLD_BYTES)
  while (seller.status().unclaimedWei === 0n) await new Promise((resolve) => setTimeout(resolve, 20))
  if (kill === 'acknowledged') process.kill(process.pid, 'SIGKILL')
  await seller.settle()
}

if (options.task === 'top-up') await topUp()
if (options.task === 'sell') await sell()
process.stdout.write('done\n')
