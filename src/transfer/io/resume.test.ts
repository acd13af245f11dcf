// Goal: after kill -9, a full disk or a damaged file, nothing is trusted that was not verified and nothing is lost.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import fc from 'fast-check'
import { Bitfield } from '../bitfield.ts'
import { Bench, createSample, feed, tempFolder } from './fixture.ts'
import { ResumeState, stateName } from './resume.ts'

const CHILD = new URL('./resume.fixture.ts', import.meta.url).pathname
const BYTES = 4_000_000

type Child = { readonly process: ChildProcess; line(matches: RegExp): Promise<string> }

/** A child that is ready to begin. It ignores SIGXFSZ, so that a write above the file size limit fails with EFBIG. */
async function start(bench: Bench, source: string): Promise<Child> {
  const folders = ['--source', source, '--out', bench.outputFolder, '--state', bench.stateFolder]
  const command = [process.execPath, CHILD, ...folders, '--bytes', String(BYTES)]
  const child = spawn('sh', ['-c', 'trap "" XFSZ; exec "$@"', 'sh', ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (matches: RegExp): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done) throw new Error(`the child ended before it said ${matches}`)
      if (matches.test(value)) return value
    }
  }
  await line(/^ready/)
  return { process: child, line }
}

test('kill -9: journaled pieces are hashed again, a damaged one is fetched again', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const child = await start(bench, source.path)
  child.process.stdin!.write('go\n')
  await child.line(/^verified ([3-9]\d|\d{3})/)
  child.process.kill('SIGKILL')
  await once(child.process, 'exit')

  const sample = await createSample(source.path, { x: BYTES }, { version: 'hybrid' })
  const journaled = new ResumeState(bench.stateFolder, sample.share, bench.outputFolder).read()!
  ok(journaled.count >= 30 && journaled.count < journaled.length)
  const damaged = Array.from({ length: journaled.length }, (_, i) => i).find((piece) => journaled.has(piece))!
  const path = join(bench.outputFolder, 'x.tsw-part')
  const disk = readFileSync(path)
  disk[damaged * 32_768 + 5]! ^= 1
  writeFileSync(path, disk)

  const hashed = new Map<number, boolean>()
  await using download = await bench.open(sample.share, {
    onVerify: (piece, right) => hashed.set(piece, right),
  })
  equal(hashed.size, journaled.count)
  deepEqual(
    [...hashed].filter(([, right]) => !right).map(([piece]) => piece),
    [damaged],
  )
  equal(download.reader.have.count, journaled.count - 1)
  const memory = await feed(download, sample)
  ok(memory.asked.every(([piece]) => piece === damaged || !journaled.has(piece)))
  await download.finished
  deepEqual(bench.read('x'), sample.contents.get('x'))
})

const PRLIMIT = '/usr/bin/prlimit' // util-linux

function limitFileSize({ process }: Child, bytes: string): void {
  execFileSync(PRLIMIT, ['--pid', String(process.pid), `--fsize=${bytes}:`])
}

// RLIMIT_FSIZE stands for the full disk: it is the kernel that refuses the write.
test('the disk refuses: pauses with a message, loses nothing, goes on when there is room', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const child = await start(bench, source.path)
  try {
    limitFileSize(child, '1000000')
    child.process.stdin!.write('go\n')
    const paused = await child.line(/^paused/)
    ok(paused.includes('then resume') && paused.includes('x.tsw-part'), paused)
    limitFileSize(child, 'unlimited')
    child.process.stdin!.write('resume\n')
    await child.line(/^complete/)
    deepEqual(bench.read('x'), new Uint8Array(readFileSync(join(source.path, 'x'))))
  } finally {
    child.process.kill('SIGKILL')
  }
})

async function halfDone(bench: Bench, folder: string) {
  const sample = await createSample(folder, { 'a.bin': 400_000, 'b.bin': 400_000 }, { version: 'hybrid' })
  await using download = await bench.open(sample.share, { arenaBytesMax: 2 * 32_768 })
  await feed(download, sample, { until: () => download.status().piecesVerified >= 10 })
  return sample
}

test('a clean stop is trusted without hashing', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const { share } = await halfDone(bench, source.path)
  let hashed = 0
  await using download = await bench.open(share, { onVerify: () => hashed++ })
  equal(hashed, 0)
  ok(download.status().piecesVerified >= 10)
})

for (const [what, disturb] of [
  ['another time', (path: string) => utimesSync(path, 1, 1)],
  ['another size', (path: string) => truncateSync(path, 1)],
] as const) {
  test(`a clean stop is not believed when a file has ${what}`, async () => {
    using source = tempFolder()
    await using bench = new Bench()
    const { share } = await halfDone(bench, source.path)
    const folder = join(bench.outputFolder, 'album.tsw-part')
    disturb(join(folder, readdirSync(folder)[0]!))
    let hashed = 0
    await using _ = await bench.open(share, { onVerify: () => hashed++ })
    ok(hashed >= 10)
  })
}

test('the mark of a clean stop serves once: a crash after it means hashing', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const { share } = await halfDone(bench, source.path)
  const mark = join(bench.stateFolder, `${stateName(share)}.clean`)
  ok(existsSync(mark))
  await using _ = await bench.open(share)
  equal(existsSync(mark), false)
})

test('without a journal, what is in the part is hashed and kept', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const sample = await halfDone(bench, source.path)
  rmSync(bench.stateFolder, { recursive: true })
  await using download = await bench.open(sample.share)
  ok(download.status().piecesVerified >= 10)
  await feed(download, sample)
  await download.finished
  deepEqual(bench.read('album', 'b.bin'), sample.contents.get('b.bin'))
})

test('a part that is too long is cut before it gets the final name', async () => {
  using source = tempFolder()
  await using bench = new Bench()
  const sample = await halfDone(bench, source.path)
  appendFileSync(join(bench.outputFolder, 'album.tsw-part', 'a.bin'), new Uint8Array(500_000))
  await using download = await bench.open(sample.share)
  await feed(download, sample)
  await download.finished
  deepEqual(bench.read('album', 'a.bin'), sample.contents.get('a.bin'))
})

test('a journal of any bytes is read without error, and only whole true records are believed', async () => {
  using source = tempFolder()
  using state = tempFolder()
  const { share } = await createSample(source.path, { x: 1_000_000 }, { version: 'v1' })
  const path = join(state.path, `${stateName(share)}.pieces`)
  const pieces = [3, 0, 30, 7]
  using resume = new ResumeState(state.path, share, '/out')
  resume.start(new Bitfield(share.layout.pieceCount))
  for (const piece of pieces) resume.append(piece)
  const whole = readFileSync(path)
  equal(whole.length, 12 + 8 * 4)
  equal(whole.subarray(0, 8).toString(), 'TSWPIECE')
  const read = () => new ResumeState(state.path, share, '/out').read()
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = new Uint8Array(whole)
      bytes[at]! ^= flip
      writeFileSync(path, bytes)
      const kept = Math.floor((at - 12) / 8)
      const believed = read()
      if (at < 12) equal(believed, undefined)
      else deepEqual(believed!.bytes, bitsOf(share.layout.pieceCount, pieces.slice(0, kept)).bytes)
    }),
    { numRuns: 100 },
  )
  fc.assert(
    fc.property(fc.nat(whole.length), fc.uint8Array({ maxLength: 30 }), (cut, tail) => {
      writeFileSync(path, new Uint8Array([...whole.subarray(0, cut), ...tail]))
      const believed = read()
      ok(believed === undefined || believed.count <= pieces.length)
    }),
    { numRuns: 100 },
  )
})

function bitsOf(length: number, pieces: readonly number[]): Bitfield {
  const bits = new Bitfield(length)
  for (const piece of pieces) bits.set(piece)
  return bits
}

test('a journal of another share or another folder is not believed', async () => {
  using source = tempFolder()
  using state = tempFolder()
  const one = await createSample(source.path, { x: 100_000 }, { version: 'v1' })
  const other = await createSample(source.path, { x: 100_001 }, { version: 'v1' })
  using resume = new ResumeState(state.path, one.share, '/out')
  resume.start(Bitfield.full(one.share.layout.pieceCount))
  const path = (share: typeof one.share) => join(state.path, `${stateName(share)}.pieces`)
  writeFileSync(path(other.share), readFileSync(path(one.share)))
  equal(new ResumeState(state.path, other.share, '/out').read(), undefined)
  equal(new ResumeState(state.path, one.share, '/elsewhere').read(), undefined)
  equal(new ResumeState(state.path, one.share, '/out').read()!.isFull, true)
})
