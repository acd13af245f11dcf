/**
 * A worker thread that hashes pieces and writes those that are right: the main thread does neither.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { closeSync, readSync, writeSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { CodedError, codeOf, messageOf } from '../../base/errors.ts'
import { sha256 } from '../../crypto/io/sha.ts'
import { leafLayer } from '../../crypto/merkle.ts'
import { type CheckedFolders, openToRead, openToWrite, type Place } from './jail.ts'
import { digestBlocks, isRight } from './piece-check.ts'
import type { FileRun, StoreAnswer, StoreJob, StoreReply, StoreRequest } from './store-jobs.ts'

/** Descriptors open for writing, by worker. */
const DESCRIPTORS_MAX = 64
const CID_CHUNK_BYTES = 1 << 20

/** Descriptors by `owner:file`, least recently used first. A job is synchronous: none is in use between jobs. */
const writable = new Map<string, number>()
const checkedFolders: CheckedFolders = new Set()

function descriptor(owner: number, run: FileRun): number {
  const key = `${owner}:${run.file}`
  let fd = writable.get(key)
  if (fd === undefined) {
    if (writable.size >= DESCRIPTORS_MAX) close(writable.keys().next().value!)
    fd = openToWrite(run, checkedFolders)
  } else writable.delete(key)
  writable.set(key, fd)
  return fd
}

function close(key: string): void {
  const fd = writable.get(key)!
  writable.delete(key)
  closeSync(fd)
}

function writeRun(owner: number, run: FileRun, memory: Uint8Array): void {
  const fd = descriptor(owner, run)
  for (let done = 0; done < run.length; ) {
    done += writeSync(fd, memory, run.at + done, run.length - done, run.offset + done)
  }
}

function commit(job: StoreJob & { kind: 'commit' }): StoreReply {
  const slot = new Uint8Array(job.arena, job.at)
  const right = isRight(slot, job.pieceBytes, job.check)
  if (right) for (const run of job.runs) writeRun(job.owner, run, slot)
  return job.blockDigests
    ? { ok: true, right, hash: digestBlocks(slot.subarray(0, job.pieceBytes)) }
    : { ok: true, right }
}

/** One piece's worth, kept for the next: verifying a share reads thousands. */
let scratch = new Uint8Array(0)

/** Reads the runs; pad bytes between them are zeros. Undefined when a file is missing or too short. */
function readRuns(runs: readonly FileRun[], bytes: number): Uint8Array | undefined {
  if (scratch.length < bytes) scratch = new Uint8Array(bytes)
  scratch.fill(0, 0, bytes)
  for (const run of runs) {
    const fd = openToRead(run)
    try {
      for (let done = 0; done < run.length; ) {
        const read = readSync(fd, scratch, run.at + done, run.length - done, run.offset + done)
        if (read === 0) return undefined
        done += read
      }
    } finally {
      closeSync(fd)
    }
  }
  return scratch
}

function verify(job: StoreJob & { kind: 'verify' }): StoreReply {
  const bytes = job.check.kind === 'v1' ? job.check.bytes : job.pieceBytes
  try {
    const memory = readRuns(job.runs, bytes)
    return { ok: true, right: memory !== undefined && isRight(memory, job.pieceBytes, job.check) }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { ok: true, right: false }
    throw error
  }
}

function leaves(job: StoreJob & { kind: 'leaves' }): StoreReply {
  const memory = readRuns(job.runs, job.pieceBytes)
  if (memory === undefined)
    throw new CodedError('READ_FAILED', 'a file of the share is shorter than it should be')
  return { ok: true, right: true, hash: leafLayer(memory.subarray(0, job.pieceBytes), sha256) }
}

function cid(place: Place): StoreReply {
  const fd = openToRead(place)
  try {
    const hash = createHash('sha256')
    const chunk = new Uint8Array(CID_CHUNK_BYTES)
    for (let read = -1; read !== 0; ) {
      read = readSync(fd, chunk)
      hash.update(chunk.subarray(0, read))
    }
    return { ok: true, right: true, hash: new Uint8Array(hash.digest()) }
  } finally {
    closeSync(fd)
  }
}

function run(job: StoreJob): StoreReply {
  try {
    if (job.kind === 'commit') return commit(job)
    if (job.kind === 'verify') return verify(job)
    if (job.kind === 'leaves') return leaves(job)
    if (job.kind === 'cid') return cid(job.place)
    checkedFolders.clear()
    for (const key of writable.keys()) if (key.startsWith(`${job.owner}:`)) close(key)
    return { ok: true, right: true }
  } catch (error) {
    return { ok: false, code: codeOf(error), message: messageOf(error) }
  }
}

parentPort!.on('message', ({ id, job }: StoreRequest) => {
  const answer: StoreAnswer = { id, reply: run(job) }
  parentPort!.postMessage(answer)
})
