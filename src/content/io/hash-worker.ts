/**
 * Worker thread of the hash pool: reads the bytes of a job once, in chunks that stay in the cache, and feeds
 * them to every hash the job asks for.
 *
 * @module
 */
import { createHash, type Hash as NodeHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { assert } from '../../base/assert.ts'
import { concatBytes } from '../../base/bytes.ts'
import { CodedError, codeOf, messageOf } from '../../base/errors.ts'
import { loadMd4 } from '../../crypto/io/md4.ts'
import { sha256 } from '../../crypto/io/sha.ts'
import { layerAbove, leafLayer } from '../../crypto/merkle.ts'
import { ByteWriter } from '../byte-writer.ts'
import { ED2K_PART_BYTES } from '../ed2k.ts'
import type { HashJob } from '../hash-plan.ts'
import type { Hashed, HashOutcome, HashRequest, HashTask } from './hash-protocol.ts'

const CHUNK_BYTES = 256 * 1024
const port = parentPort
assert(port !== null, 'this file runs as a worker')
const md4 = await loadMd4()
const chunk = new Uint8Array(CHUNK_BYTES)
const zeros = new Uint8Array(CHUNK_BYTES)
/** Whole-file hashes under way, by `run:file`. */
const streams = new Map<string, NodeHash>()

/** One kind of hash: takes the bytes in order, ends with all its hashes joined. */
type Sink = { update(bytes: Uint8Array): void; finish(): Uint8Array }

/** A hash for each `unitBytes`, the last for what is left over. */
function perUnit(
  unitBytes: number,
  unit: { start(): void } & Omit<Sink, 'finish'> & { digest(): Uint8Array },
) {
  const hashes = new ByteWriter()
  let left = unitBytes
  unit.start()
  const next = () => {
    hashes.append(unit.digest())
    unit.start()
    left = unitBytes
  }
  const sink: Sink = {
    update(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const part = bytes.subarray(at, at + left)
        unit.update(part)
        at += part.length
        left -= part.length
        if (left === 0) next()
      }
    },
    finish() {
      if (left < unitBytes) next()
      return hashes.bytes()
    },
  }
  return sink
}

function sha1Unit() {
  let hash = createHash('sha1')
  return {
    start: () => void (hash = createHash('sha1')),
    update: (bytes: Uint8Array) => void hash.update(bytes),
    digest: () => hash.digest(),
  }
}

/**
 * Leaves of one piece, climbed to the layer asked for. Chunks are whole leaves, so leaves never straddle
 * updates.
 */
function treeUnit(height: number) {
  let leaves: Uint8Array[] = []
  return {
    start: () => void (leaves = []),
    update: (bytes: Uint8Array) => void leaves.push(leafLayer(bytes, sha256)),
    digest: () => layerAbove(concatBytes(...leaves), { from: 0, to: height }, sha256),
  }
}

function cidSink(stream: string, last: boolean): Sink {
  const hash = streams.get(stream) ?? createHash('sha256')
  streams.set(stream, hash)
  return {
    update: (bytes) => void hash.update(bytes),
    finish() {
      if (!last) return new Uint8Array(0)
      streams.delete(stream)
      return hash.digest()
    },
  }
}

function sinksOf(run: number, job: HashJob): Partial<Record<keyof Hashed, Sink>> {
  return {
    ...(job.v1 && { v1: perUnit(job.v1.pieceLength, sha1Unit()) }),
    ...(job.v2 && { v2: perUnit(job.v2.pieceLength, treeUnit(job.v2.height)) }),
    ...(job.ed2k && { ed2k: perUnit(ED2K_PART_BYTES, md4) }),
    ...(job.cid && { cid: cidSink(`${run}:${job.cid.file}`, job.cid.last) }),
  }
}

function hash({ run, job, paths }: HashTask): HashOutcome {
  const sinks = sinksOf(run, job)
  const { v1 } = sinks
  const all = Object.values(sinks)
  const pad = (length: number) => {
    for (let left = length; v1 && left > 0; left -= CHUNK_BYTES) {
      v1.update(zeros.subarray(0, Math.min(left, CHUNK_BYTES)))
    }
  }
  let at = 0
  for (const [i, span] of job.spans.entries()) {
    pad(span.at - at)
    readSpan(paths[i]!, span, (bytes) => {
      for (const sink of all) sink.update(bytes)
    })
    at = span.at + span.length
  }
  pad(job.length - at)
  return {
    ok: true,
    ...Object.fromEntries(Object.entries(sinks).map(([kind, sink]) => [kind, sink.finish()])),
  }
}

type FileRange = { readonly fileOffset: number; readonly length: number }

function readSpan(path: string, { fileOffset, length }: FileRange, use: (bytes: Uint8Array) => void): void {
  const file = openSync(path, 'r')
  try {
    for (let done = 0; done < length; ) {
      const want = Math.min(CHUNK_BYTES, length - done)
      let filled = 0
      while (filled < want) {
        const read = readSync(file, chunk, filled, want - filled, fileOffset + done + filled)
        if (read === 0) throw new CodedError('FILE_CHANGED', `${path} is shorter than it was`)
        filled += read
      }
      use(chunk.subarray(0, want))
      done += want
    }
  } finally {
    closeSync(file)
  }
}

function outcomeOf(task: HashTask): HashOutcome {
  try {
    return hash(task)
  } catch (error) {
    return { ok: false, code: codeOf(error), message: messageOf(error) }
  }
}

port.on('message', (request: HashRequest) => {
  if (request.type === 'hash') {
    port.postMessage({ outcomes: request.tasks.map(outcomeOf) })
    return
  }
  for (const key of streams.keys()) if (key.startsWith(`${request.run}:`)) streams.delete(key)
})
