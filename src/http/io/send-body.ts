/**
 * Streams a representation to a response with two buffers: one is read while the other is written.
 *
 * @module
 */
import type { ServerResponse } from 'node:http'
import { CodedError } from '../../base/errors.ts'
import type { ByteRange } from '../ranges.ts'
import type { Representation } from '../representation.ts'
import type { BufferPool } from './buffer-pool.ts'

export type BodyParts = { readonly pool: BufferPool; readonly writeTimeoutMs: number }

/** Resolves when the system took the bytes. Rejects with CodedError `CLIENT_GONE` or `CLIENT_TOO_SLOW`. */
export function writeBytes(
  res: ServerResponse,
  bytes: Uint8Array | string,
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (res.destroyed) return reject(new CodedError('CLIENT_GONE', 'the client closed the connection'))
    const gone = () => settle(new CodedError('CLIENT_GONE', 'the client closed the connection'))
    const timer = setTimeout(() => {
      settle(new CodedError('CLIENT_TOO_SLOW', 'the client does not take its response'))
      res.destroy()
    }, timeoutMs)
    const settle = (error?: Error) => {
      clearTimeout(timer)
      res.off('close', gone)
      if (error === undefined) resolve()
      else reject(error)
    }
    res.once('close', gone)
    res.write(bytes, (cause) => {
      settle(cause ? new CodedError('CLIENT_GONE', 'the write failed', { cause }) : undefined)
    })
  })
}

/**
 * Sends bytes [start, end). Rejects as `writeBytes` and as the representation's `read` do; the response is
 * then unfinished and the connection useless.
 */
export async function sendRange(
  res: ServerResponse,
  body: Representation,
  { range, parts }: { readonly range: ByteRange; readonly parts: BodyParts },
): Promise<void> {
  const { pool, writeTimeoutMs } = parts
  let writing: Promise<void> = Promise.resolve()
  try {
    for (let at = range.start; at < range.end; ) {
      const buffer = await pool.acquire()
      const bytes = buffer.subarray(0, Math.min(pool.bufferBytes, range.end - at))
      try {
        await body.read(at, bytes)
        await writing
      } catch (error) {
        pool.release(buffer)
        throw error
      }
      body.sent?.(at, bytes.length)
      // After a failed write the system may still look into the buffer, so that one is not used again.
      writing = writeBytes(res, bytes, writeTimeoutMs).then(
        () => pool.release(buffer),
        (error) => {
          pool.discard()
          throw error
        },
      )
      at += bytes.length
    }
  } finally {
    await writing.catch(() => undefined)
  }
  await writing
}
