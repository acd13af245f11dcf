/**
 * The node's wallet: one secp256k1 key, signing at once or off the main thread.
 *
 * Measured (Node 26, a busy machine of two cores): a signature takes 0.5 to 1.3 ms, a recovery some 1.5 ms;
 * handed to the worker, a voucher costs the main thread 0.1 ms (digest and messages). Vouchers, one per 4
 * MiB, go through the worker; quotes and transactions, which are rare, are signed at once.
 *
 * @module
 */
import type { Worker } from 'node:worker_threads'
import { assert } from '../../base/assert.ts'
import { CodedError } from '../../base/errors.ts'
import { siblingUrl, startWorker } from '../../base/io/sibling.ts'
import { addressBytesOf, checkSignatureForm, isSecretKey, signDigest } from '../../crypto/secp256k1.ts'
import { addressOf, type EvmAddress } from '../address.ts'

export type Wallet = AsyncDisposable & {
  readonly address: EvmAddress
  /** The 32-byte key, for signing transactions. Never log it. */
  readonly secretKey: Uint8Array
  /** r | s | v of a 32-byte digest, on this thread. */
  signNow(digest: Uint8Array): Uint8Array
  /** The same in the worker. */
  sign(digest: Uint8Array): Promise<Uint8Array>
  /** Who signed, or undefined when nobody did. @throws {DecodeError} for a malformed or high-s signature. */
  recover(digest: Uint8Array, signature: Uint8Array): Promise<EvmAddress | undefined>
}

/** What goes to the worker and comes back; `undefined` answers mean failure. */
export type SignRequest = {
  readonly id: number
  readonly digest: Uint8Array
  readonly signature?: Uint8Array
}
export type SignAnswer = { readonly id: number; readonly result: Uint8Array | undefined }

/** @throws {CodedError<'BAD_SECRET_KEY'>} */
export function openWallet(secretKey: Uint8Array): Wallet {
  if (!isSecretKey(secretKey)) throw new CodedError('BAD_SECRET_KEY', 'not a secp256k1 secret key')
  const key = secretKey.slice()
  const address = addressOf(addressBytesOf(key))
  const worker = new SignWorker(key)
  return {
    address,
    secretKey: key,
    signNow: (digest) => signDigest(key, digest),
    sign: async (digest) => {
      const signature = await worker.ask({ digest })
      assert(signature !== undefined, 'signing a digest cannot fail')
      return signature
    },
    recover: async (digest, signature) => {
      checkSignatureForm(signature)
      const signer = await worker.ask({ digest, signature })
      return signer === undefined ? undefined : addressOf(signer)
    },
    [Symbol.asyncDispose]: async () => {
      await worker.stop()
      key.fill(0)
    },
  }
}

/** Starts with the first question, so that a wallet that only shows its address costs no thread. */
class SignWorker {
  readonly #key: Uint8Array
  readonly #waiting = new Map<
    number,
    { resolve: (result: Uint8Array | undefined) => void; reject: (error: Error) => void }
  >()
  #worker: Worker | undefined
  #nextId = 0
  #stopped = false

  constructor(key: Uint8Array) {
    this.#key = key
  }

  ask(question: Omit<SignRequest, 'id'>): Promise<Uint8Array | undefined> {
    if (this.#stopped) return Promise.reject(new CodedError('WALLET_CLOSED', 'the wallet is closed'))
    const worker = (this.#worker ??= this.#start())
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      worker.ref()
      worker.postMessage({ id, ...question } satisfies SignRequest)
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#worker?.terminate()
    this.#fail(new CodedError('WALLET_CLOSED', 'the wallet is closed'))
  }

  #start(): Worker {
    const worker = startWorker(siblingUrl('./wallet-worker', import.meta.url), { workerData: this.#key })
    worker.on('message', ({ id, result }: SignAnswer) => {
      this.#waiting.get(id)?.resolve(result)
      this.#waiting.delete(id)
      if (this.#waiting.size === 0) worker.unref()
    })
    worker.on('error', (cause) => {
      this.#worker = undefined
      this.#fail(new CodedError('WALLET_WORKER_FAILED', 'the signing thread ended', { cause }))
    })
    return worker
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
