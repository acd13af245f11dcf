/**
 * From blocks of pieces to HTTP requests: joins blocks that follow each other into one range per file.
 *
 * Source: BEP 19 (piece ranges over several files become several requests); design section 4.
 *
 * @module
 */
import type { Layout } from '../content/layout.ts'

export type Block = { readonly piece: number; readonly begin: number; readonly length: number }

/** Bytes [start, end) of a file, which lie from `space` on in piece space. */
export type FileRequest = {
  readonly file: number
  readonly start: number
  readonly end: number
  readonly space: number
}

/** Requests that belong together because a block lies across them: one connection fetches them in order. */
export type Job = { readonly blocks: readonly Block[]; readonly requests: readonly FileRequest[] }

type OpenJob = { readonly blocks: Block[]; readonly requests: FileRequest[] }

/** Plans (piece, begin, length) triples as a source port's `pick` wrote them. */
export function planJobs(layout: Layout, triples: Int32Array, count: number): Job[] {
  const blocks = Array.from({ length: count }, (_, i) => {
    const [piece, begin, length] = triples.subarray(3 * i, 3 * i + 3)
    return { piece: piece!, begin: begin!, length: length! }
  }).sort((a, b) => a.piece - b.piece || a.begin - b.begin)
  const jobs: OpenJob[] = []
  for (const block of blocks) addBlock(jobs, layout, block)
  return jobs
}

function addBlock(jobs: OpenJob[], layout: Layout, block: Block): void {
  const space = block.piece * layout.pieceLength + block.begin
  const [first, ...others] = layout.spansAt(space, block.length).map(({ file, fileOffset, at, length }) => ({
    file,
    start: fileOffset,
    end: fileOffset + length,
    space: space + at,
  }))
  const job = jobs.at(-1)
  const last = job?.requests.at(-1)
  if (first !== undefined && last !== undefined && first.file === last.file && first.start === last.end) {
    job!.blocks.push(block)
    job!.requests.splice(-1, 1, { ...last, end: first.end }, ...others)
    return
  }
  jobs.push({ blocks: [block], requests: first === undefined ? [] : [first, ...others] })
}
