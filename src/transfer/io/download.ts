/**
 * A download with its disk: the pure transfer, the store workers, resume and the clock, tied together.
 *
 * @module
 */
import { mkdirSync, realpathSync } from 'node:fs'
import { CodedError, codeOf, messageOf } from '../../base/errors.ts'
import { BoundedQueue } from '../../base/queue.ts'
import type { Clock, Random } from '../../base/world.ts'
import type { Share } from '../../content/share.ts'
import type { CommitOrder, CommitOutcome, TransferEvent } from '../core.ts'
import type { ShareReader } from '../reader.ts'
import type { Source, SourcePort, SourceTerms } from '../source.ts'
import { createTransfer, type Transfer, type TransferStatus } from '../transfer.ts'
import { SharedArena } from './arena.ts'
import { checkCids, completeFiles, renameToFinal } from './finish.ts'
import { type Located, locate } from './locate.ts'
import { checkOf } from './piece-check.ts'
import { StoreReader } from './reader.ts'
import { ResumeState, stateName } from './resume.ts'
import type { StoreHost } from './store-host.ts'
import { diskMessage } from './store-jobs.ts'

export type DownloadSettings = {
  readonly share: Share
  /** Gets `<name>.tsw-part` while it downloads and `<name>` at the end. Made when absent. */
  readonly outputFolder: string
  /** Keeps the journal. Made when absent. */
  readonly stateFolder: string
  /** Indexes of the files to fetch (magnet `so=`); all when absent. */
  readonly chosenFiles?: readonly number[]
  /** Hash whole files before the final name is written, where the share carries cids. Default: no. */
  readonly checkCids?: boolean
  /** See TransferSettings. */
  readonly arenaBytesMax?: number
  readonly maxPriceWeiPerMib?: bigint
  readonly timeoutFloorMs?: number
  /** Ends the verification of what is on the disk. */
  readonly signal?: AbortSignal
  /** Called for each piece found on the disk and hashed again. */
  readonly onVerify?: (piece: number, right: boolean) => void
}

export type DownloadParts = { readonly clock: Clock; readonly random: Random; readonly store: StoreHost }

export type DownloadEvent = TransferEvent | { readonly type: 'finished'; readonly path: string }

/** `path` is where the share lies now. 'complete' means verified AND under its final name. */
export type DownloadStatus = TransferStatus & { readonly path: string }

export type Download = AsyncDisposable & {
  readonly share: Share
  readonly reader: ShareReader
  /** The last 1,024; older ones are dropped and counted. */
  readonly events: BoundedQueue<DownloadEvent>
  /** Resolves when everything wanted is verified and has its final name; rejects when that has become impossible. */
  readonly finished: Promise<void>
  attach(source: Source, terms: SourceTerms): SourcePort
  status(): DownloadStatus
  pause(): void
  /** Goes on after `pause`, a full disk or a failed write. */
  resume(): void
  /** Piece layers were added to the share: more pieces can be verified. */
  layersAdded(): void
}

export const TICK_MS = 250
const EVENTS_MAX = 1_024

/**
 * Verifies what is on the disk and goes on from there.
 *
 * Rejects with CodedError `FINAL_EXISTS`, `PART_EXISTS`, `PATH_IN_USE`, `VERIFY_FAILED` or system errors.
 */
export async function openDownload(settings: DownloadSettings, parts: DownloadParts): Promise<Download> {
  const { share, chosenFiles, signal, onVerify } = settings
  const outputFolder = realFolder(settings.outputFolder)
  const stateFolder = realFolder(settings.stateFolder)
  using claims = new DisposableStack()
  claims.defer(parts.store.claim(`${outputFolder}/${share.name}`))
  claims.defer(parts.store.claim(`${stateFolder}/${stateName(share)}`))
  const resume = claims.use(new ResumeState(stateFolder, share, outputFolder))
  const input = { share, outputFolder, stateFolder, chosenFiles }
  const located = await locate(input, resume, parts.store, { signal, onPiece: onVerify })
  resume.start(located.have)
  return new StoredDownload(settings, parts, located, { resume, claims: claims.move() })
}

function realFolder(path: string): string {
  mkdirSync(path, { recursive: true })
  return realpathSync(path)
}

type Held = { readonly resume: ResumeState; readonly claims: Disposable }

class StoredDownload implements Download {
  readonly share: Share
  readonly reader: ShareReader
  readonly events = new BoundedQueue<DownloadEvent>(EVENTS_MAX)
  readonly finished: Promise<void>
  readonly #settings: DownloadSettings
  readonly #parts: DownloadParts
  readonly #held: Held
  readonly #located: Located
  readonly #owner: number
  #transfer: Transfer
  readonly #settleFinished = Promise.withResolvers<void>()
  readonly #commits = new Set<Promise<void>>()
  #arena: SharedArrayBuffer | undefined
  #timer: NodeJS.Timeout | undefined
  /** The last status, once finished: the transfer's own memory is given back then. */
  #finalStatus: DownloadStatus | undefined
  /** Why the last step could not be done; `resume` tries it again. */
  #finishTrouble = ''
  #finishing: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(settings: DownloadSettings, parts: DownloadParts, located: Located, held: Held) {
    this.#settings = settings
    this.#parts = parts
    this.#located = located
    this.#held = held
    this.share = settings.share
    this.#owner = parts.store.owner()
    this.finished = this.#settleFinished.promise
    this.finished.catch(() => {}) // whoever cares awaits it; nobody must
    this.reader = new StoreReader(located.places, located.have, parts.store, this.#owner)
    this.#transfer = this.#createTransfer()
    if (located.finished) this.#declareFinished()
    else if (this.#transfer.status().state === 'complete') this.#finish()
    else this.#startClock()
  }

  #createTransfer(): Transfer {
    const { arenaBytesMax, maxPriceWeiPerMib, timeoutFloorMs } = this.#settings
    const { clock, random } = this.#parts
    const { have, wanted } = this.#located
    return createTransfer(
      {
        layout: this.share.layout,
        wanted,
        have,
        ...(this.share.v1Pieces === undefined
          ? { isVerifiable: (piece: number) => checkOf(this.share, piece) !== undefined }
          : {}),
        nowMs: clock.monotonicMs(),
        ...(arenaBytesMax === undefined ? {} : { arenaBytesMax }),
        ...(maxPriceWeiPerMib === undefined ? {} : { maxPriceWeiPerMib }),
        ...(timeoutFloorMs === undefined ? {} : { timeoutFloorMs }),
      },
      {
        random,
        createArena: (bytes) => {
          this.#arena = new SharedArrayBuffer(bytes)
          return new SharedArena(this.#arena)
        },
        commit: (order) => this.#commit(order),
        changed: (event) => this.#changed(event),
      },
    )
  }

  #startClock(): void {
    this.#timer = setInterval(() => this.#transfer.tick(this.#parts.clock.monotonicMs()), TICK_MS)
    this.#timer.unref()
  }

  #commit(order: CommitOrder): void {
    const done = this.#store(order).then((outcome) => {
      this.#commits.delete(done)
      this.#transfer.committed(order.slot, outcome)
    })
    this.#commits.add(done)
  }

  async #store({ slot, piece, blockDigests }: CommitOrder): Promise<CommitOutcome> {
    const { layout } = this.share
    const { places } = this.#located
    try {
      const reply = await this.#parts.store.workers.run({
        kind: 'commit',
        owner: this.#owner,
        arena: this.#arena!,
        at: slot * layout.pieceLength,
        pieceBytes: layout.pieceBytes(piece),
        check: checkOf(this.share, piece)!,
        runs: places.runs(piece),
        blockDigests,
      })
      if (!reply.ok) return { kind: 'failed', message: diskMessage(reply, places.rootPath) }
      if (reply.right) this.#held.resume.append(piece)
      const kind = reply.right ? 'verified' : 'bad'
      return reply.hash === undefined ? { kind } : { kind, blockDigests: reply.hash }
    } catch (error) {
      const message = diskMessage({ code: codeOf(error), message: messageOf(error) }, places.rootPath)
      return { kind: 'failed', message }
    }
  }

  #changed(event: TransferEvent): void {
    this.events.push(event)
    if (event.type === 'state' && event.state === 'complete') this.#finish()
  }

  #finish(): void {
    clearInterval(this.#timer)
    this.#finishTrouble = ''
    this.#finishing = this.#finishFiles().then(
      () => this.#declareFinished(),
      (error) => this.#finishFailed(error),
    )
  }

  async #finishFiles(): Promise<void> {
    const { places } = this.#located
    await this.#parts.store.workers.forget(this.#owner)
    await completeFiles(places)
    if (this.#settings.checkCids === true) await checkCids(places, this.#parts.store)
    renameToFinal(places)
  }

  #finishFailed(error: unknown): void {
    if (codeOf(error) === 'CID_MISMATCH') {
      this.#transfer.fail(messageOf(error))
      this.#settleFinished.reject(error)
      return
    }
    this.#finishTrouble = messageOf(error)
    this.events.push({ type: 'state', state: 'paused', message: this.#finishTrouble })
  }

  #declareFinished(): void {
    const path = this.#located.places.rootPath
    this.#finalStatus = { ...this.#transfer.status(), path }
    // A seed may live for months: a transfer that has nothing to do holds no arena and no journal.
    this.#transfer = this.#createTransfer()
    this.#held.resume[Symbol.dispose]()
    this.events.push({ type: 'finished', path })
    this.#settleFinished.resolve()
  }

  attach(source: Source, terms: SourceTerms): SourcePort {
    return this.#transfer.attach(source, terms)
  }

  status(): DownloadStatus {
    if (this.#finalStatus !== undefined) return this.#finalStatus
    const status = { ...this.#transfer.status(), path: this.#located.places.rootPath }
    if (status.state !== 'complete') return status
    return this.#finishTrouble === ''
      ? { ...status, state: 'running', message: 'checking and renaming' }
      : { ...status, state: 'paused', message: this.#finishTrouble }
  }

  pause(): void {
    this.#transfer.pause('paused by its owner')
  }

  resume(): void {
    if (this.#finishTrouble !== '') this.#finish()
    this.#transfer.resume()
  }

  layersAdded(): void {
    const { pieceCount } = this.share.layout
    for (let piece = 0; piece < pieceCount; piece++) {
      if (checkOf(this.share, piece) !== undefined) this.#transfer.makeVerifiable(piece)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer)
    this.#transfer.stop()
    await Promise.all(this.#commits)
    await this.#finishing
    await this.#parts.store.workers.forget(this.#owner)
    this.#parts.store.files.forget(this.#owner)
    try {
      this.#held.resume.markClean(this.#located.places)
    } catch (error) {
      // Without the mark the next start hashes again: slower, not wrong.
      this.events.push({ type: 'state', state: 'paused', message: messageOf(error) })
    }
    this.#held.claims[Symbol.dispose]()
    this.events.close()
    this.#settleFinished.reject(
      new CodedError('DOWNLOAD_CLOSED', 'the download was closed before it was complete'),
    )
  }
}
