/**
 * `wallet …`: keys and money of this node.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { fromHex } from '../base/bytes.ts'
import { CodedError } from '../base/errors.ts'
import { systemRandom } from '../base/io/system.ts'
import { isSecretKey } from '../crypto/secp256k1.ts'
import { parseAddress } from '../money/address.ts'
import { openWallet } from '../money/io/wallet.ts'
import { lockHome } from '../node/home.ts'
import { Keys, WALLET_SECRET } from '../node/keys.ts'
import { balanceOf, hasDealt, openMoney } from '../node/money.ts'
import { type Context, password, typed } from './context.ts'
import { parseWei } from './format.ts'

const keysOf = (context: Context): Keys => new Keys(context.home, password().password)

async function money(context: Context) {
  const config = await context.config()
  if (config.money.rpc_url === '') {
    throw new CodedError('NO_CHAIN', 'no chain is configured: set money.rpc_url in config.toml')
  }
  return openMoney(config.money, context.home, keysOf(context))
}

/** The address, and the balance when a chain is configured and answers. */
export async function walletShow(context: Context): Promise<void> {
  const config = await context.config()
  await using wallet = openWallet(await keysOf(context).wallet())
  const { address } = wallet
  if (config.money.rpc_url === '') {
    context.output.result({ address }, [address, 'no chain configured'])
    return
  }
  if (!(await hasDealt(context.home))) {
    const balanceWei = await balanceOf(config.money, address)
    context.output.result({ address, balanceWei }, [address, `balance   ${balanceWei} wei`])
    return
  }
  await using lock = await lockHome(context.home)
  void lock
  await using opened = await money(context)
  const balanceWei = await opened.driver.balance(address)
  const { unclaimedWei } = opened.seller.status()
  const { depositWei, claimedWei, closing } = await opened.driver.channel(opened.buyer.status().channel)
  const channel = { depositWei, claimedWei, closing }
  context.output.result({ address, balanceWei, unclaimedWei, channel }, [
    address,
    `balance   ${balanceWei} wei`,
    `unclaimed ${unclaimedWei} wei`,
    `channel   ${depositWei} wei deposited, ${claimedWei} claimed by others${closing ? ', closing' : ''}`,
  ])
}

async function putKey(context: Context, secret: Uint8Array): Promise<void> {
  await using lock = await lockHome(context.home)
  void lock
  const keystore = await keysOf(context).keystore()
  if (keystore.get(WALLET_SECRET) !== undefined) {
    throw new CodedError(
      'WALLET_EXISTS',
      `${context.home.keystore} has a wallet already; use another --home, or move that file away first`,
    )
  }
  await keystore.put(WALLET_SECRET, secret)
  await using wallet = openWallet(secret)
  context.output.result({ address: wallet.address }, [wallet.address])
}

export async function walletNew(context: Context): Promise<void> {
  let secret = systemRandom.bytes(32)
  while (!isSecretKey(secret)) secret = systemRandom.bytes(32)
  await putKey(context, secret)
}

export async function walletImport(context: Context, file: string): Promise<void> {
  const given = (file === '-' ? await text(process.stdin) : await readFile(file, 'utf8')).trim()
  const secret = /^(0x)?[0-9a-f]{64}$/i.test(given) ? fromHex(given.replace(/^0x/i, '')) : undefined
  if (secret === undefined || !isSecretKey(secret)) {
    throw new CodedError('BAD_KEY', 'expected a private key: 64 hex digits, below the order of secp256k1')
  }
  await putKey(context, secret)
}

/** A plain transfer, as a batch of one: journalled and sent once. */
export async function walletSend(context: Context, to: string, amount: string): Promise<void> {
  const payee = typed('address', to, parseAddress)
  const amountWei = typed('wei', amount, parseWei)
  await using lock = await lockHome(context.home)
  void lock
  await using opened = await money(context)
  const batch = systemRandom.bytes(32)
  const { hash } = await opened.settler.settle(`send-${payee}-${Date.now()}`, {
    type: 'pay',
    batch,
    payments: [{ payee, amountWei }],
  })
  context.output.result({ ok: true, hash, payee, amountWei }, [
    `sent ${amountWei} wei to ${payee} in ${hash}`,
  ])
}

export async function walletSettle(context: Context): Promise<void> {
  await using lock = await lockHome(context.home)
  void lock
  await using opened = await money(context)
  await opened.driver
    .balance(opened.wallet.address)
    .catch(() => context.output.log('the chain does not answer: waiting for it'))
  await opened.seller.settle({ signal: context.signal })
  const { claimedWei } = opened.seller.status()
  const balanceWei = await opened.driver.balance(opened.wallet.address)
  context.output.result({ ok: true, claimedWei, balanceWei }, [
    `nothing is left to claim; claimed ${claimedWei} wei in all; balance ${balanceWei} wei`,
  ])
}

/**
 * Takes back what is left of the channel, in two steps: the first call begins to close it, a later one, when the delay
 * and the blocks have passed, ends it and withdraws.
 */
export async function walletClose(context: Context): Promise<void> {
  await using lock = await lockHome(context.home)
  void lock
  await using opened = await money(context)
  const { buyer, driver } = opened
  const view = await driver.channel(buyer.status().channel)
  if (!view.exists) throw new CodedError('NO_CHANNEL', 'there is no channel to close')
  if (view.closing) await buyer.finishClose()
  else await buyer.startClose()
  const state = view.closing ? 'closed' : 'closing'
  context.output.result({ ok: true, state, depositWei: view.depositWei, claimedWei: view.claimedWei }, [
    view.closing
      ? `closed; ${view.depositWei - view.claimedWei} wei came back`
      : 'closing: payees may claim until the delay and 256 blocks have passed; then run "wallet close" again',
  ])
}
