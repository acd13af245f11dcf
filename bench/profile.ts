/**
 * Reads V8 CPU profiles and counts the samples under tally code: a frame of `src/tally/` or of the Ed25519 provider
 * and what it calls, except where it calls back into a protocol (that sends payload, tallies or not). A profile sees
 * the threads that run JavaScript, and its spans are wall time: shares of them are sturdier than seconds.
 *
 * @module
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

type Node = {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string }
  readonly children?: readonly number[]
}
type Profile = {
  readonly nodes: readonly Node[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const isTally = ({ callFrame }: Node) => /\/src\/(tally\/|crypto\/(io\/)?ed25519)/.test(callFrame.url)
const isProtocol = ({ callFrame }: Node) => /\/src\/(bittorrent|http|transfer|node)\//.test(callFrame.url)
const isIdle = ({ callFrame }: Node) => callFrame.functionName === '(idle)'

/** Ids of all nodes under a frame of tally code, that frame included. */
function underTally(nodes: readonly Node[]): ReadonlySet<number> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const found = new Set<number>()
  const add = (id: number): void => {
    const node = byId.get(id)
    if (node === undefined || isProtocol(node)) return
    found.add(id)
    for (const child of node.children ?? []) add(child)
  }
  for (const node of nodes) if (isTally(node) && !found.has(node.id)) add(node.id)
  return found
}

/** Which share of the time that is not idle goes to tally code, over all profiles of a folder. */
export async function tallyShare(folder: string): Promise<number> {
  let [tallyUs, busyUs] = [0, 0]
  for (const name of await readdir(folder)) {
    const profile = JSON.parse(await readFile(join(folder, name), 'utf8')) as Profile
    const tally = underTally(profile.nodes)
    const idle = new Set(profile.nodes.filter(isIdle).map(({ id }) => id))
    profile.samples.forEach((id, index) => {
      const spanUs = profile.timeDeltas[index] ?? 0
      if (!idle.has(id)) busyUs += spanUs
      if (tally.has(id)) tallyUs += spanUs
    })
  }
  return tallyUs / busyUs
}
