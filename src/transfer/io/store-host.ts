/**
 * What all downloads and seeds of one node share: worker threads, open descriptors, and who uses which path.
 *
 * @module
 */
import { CodedError } from '../../base/errors.ts'
import { FilePool } from './file-pool.ts'
import { StoreWorkers } from './store-workers.ts'

export type StoreHostSettings = { readonly workersMax?: number; readonly descriptorsMax?: number }

export class StoreHost implements AsyncDisposable {
  readonly workers: StoreWorkers
  readonly files: FilePool
  readonly #claims = new Set<string>()
  #nextOwner = 0

  constructor({ workersMax, descriptorsMax }: StoreHostSettings = {}) {
    this.workers = new StoreWorkers(workersMax)
    this.files = new FilePool(descriptorsMax)
  }

  /** A new number to own descriptors by. */
  owner(): number {
    return this.#nextOwner++
  }

  /** Keeps a second download off the same path until released. @throws {CodedError<'PATH_IN_USE'>} */
  claim(path: string): () => void {
    if (this.#claims.has(path)) {
      throw new CodedError(
        'PATH_IN_USE',
        `another download is writing ${path}: choose another folder or wait for it`,
      )
    }
    this.#claims.add(path)
    return () => this.#claims.delete(path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.workers[Symbol.asyncDispose]()
    this.files[Symbol.dispose]()
  }
}

/** One worker and 256 descriptors unless told otherwise. Dispose it after all downloads and seeds. */
export const createStoreHost = (settings?: StoreHostSettings): StoreHost => new StoreHost(settings)
