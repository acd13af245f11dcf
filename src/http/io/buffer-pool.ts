/**
 * Buffers for responses in progress: equal in size, bounded together, handed out first come first served.
 *
 * @module
 */
import { assert } from '../../base/assert.ts'

export class BufferPool {
  readonly bufferBytes: number
  readonly #buffersMax: number
  #made = 0
  readonly #free: Uint8Array[] = []
  readonly #waiting: ((buffer: Uint8Array) => void)[] = []

  constructor({ bufferBytes, bytesMax }: { readonly bufferBytes: number; readonly bytesMax: number }) {
    assert(bufferBytes > 0 && bytesMax >= bufferBytes, 'the pool holds at least one buffer')
    this.bufferBytes = bufferBytes
    this.#buffersMax = Math.floor(bytesMax / bufferBytes)
  }

  /** Waits while all buffers are out. Callers are bounded by the connection limit. */
  acquire(): Promise<Uint8Array> {
    const buffer = this.#free.pop() ?? this.#make()
    if (buffer !== undefined) return Promise.resolve(buffer)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  release(buffer: Uint8Array): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(buffer)
    else next(buffer)
  }

  /** Gives the room back but not the buffer: somebody may still look into it. */
  discard(): void {
    this.#made--
    const next = this.#waiting.shift()
    if (next !== undefined) next(this.#make()!)
  }

  #make(): Uint8Array | undefined {
    if (this.#made >= this.#buffersMax) return undefined
    this.#made++
    return new Uint8Array(this.bufferBytes)
  }
}
