/**
 * The wallet's thread: signs digests with the key it was given, or recovers who signed.
 *
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../../base/assert.ts'
import { DecodeError } from '../../base/errors.ts'
import { recoverAddressBytes, signDigest } from '../../crypto/secp256k1.ts'
import type { SignAnswer, SignRequest } from './wallet.ts'

const key: Uint8Array = workerData
const port = parentPort
assert(port !== null, 'wallet-worker.ts runs as a worker')

function answer({ digest, signature }: SignRequest): Uint8Array | undefined {
  if (signature === undefined) return signDigest(key, digest)
  try {
    return recoverAddressBytes(digest, signature)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

port.on('message', (request: SignRequest) => {
  port.postMessage({ id: request.id, result: answer(request) } satisfies SignAnswer)
})
