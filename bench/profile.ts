/**
 * Reads V8 CPU profiles and counts the time under tally code: samples whose stack holds a frame of `src/tally/` or of
 * the Ed25519 provider. Only what a profile sees: main threads and workers of Node, not OpenSSL's or libuv's threads.
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
const isIdle = ({ callFrame }: Node) => callFrame.functionName === '(idle)'

/** Ids of all nodes under a frame of tally code, that frame included. */
function underTally(nodes: readonly Node[]): ReadonlySet<number> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const found = new Set<number>()
  const add = (id: number): void => {
    found.add(id)
    for (const child of byId.get(id)?.children ?? []) add(child)
  }
  for (const node of nodes) if (isTally(node) && !found.has(node.id)) add(node.id)
  return found
}

/** Seconds in tally code, and seconds not idle, over all profiles of a folder. */
export async function tallySeconds(folder: string): Promise<{ tallyS: number; busyS: number }> {
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
  return { tallyS: tallyUs / 1e6, busyS: busyUs / 1e6 }
}
