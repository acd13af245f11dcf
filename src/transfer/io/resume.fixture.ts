/**
 * For tests: a process that downloads slowly from memory until it is killed, or under a file size limit.
 * Prints `ready` and waits for a line on stdin; then `verified N` as pieces are journaled, `paused MESSAGE` and
 * `complete`. Each further line resumes it.
 *
 * @module
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { systemClock, systemRandom } from '../../base/io/system.ts'
import { openDownload } from './download.ts'
import { createSample, feed } from './fixture.ts'
import { createStoreHost } from './store-host.ts'

const { values } = parseArgs({
  options: {
    source: { type: 'string' },
    out: { type: 'string' },
    state: { type: 'string' },
    bytes: { type: 'string' },
  },
})
const sample = await createSample(values.source!, { x: Number(values.bytes) }, { version: 'hybrid' })
console.log('ready')
await once(process.stdin, 'data')
await using store = createStoreHost()
await using download = await openDownload(
  { share: sample.share, outputFolder: values.out!, stateFolder: values.state! },
  { clock: systemClock, random: systemRandom, store },
)
process.stdin.on('data', () => download.resume())
process.stdin.unref()
let told = -1
let state = ''
const until = (): boolean => {
  const status = download.status()
  if (status.piecesVerified !== told) console.log(`verified ${(told = status.piecesVerified)}`)
  if (status.state !== state) console.log((state = status.state), status.message)
  return status.state === 'complete'
}
await feed(download, sample, {
  script: { label: 'slow', depth: 4, blocksPerStep: 1 },
  until,
  between: () => sleep(1),
})
