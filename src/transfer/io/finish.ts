/**
 * The last step of a download: everything wanted is verified, so the part becomes the final name in one rename.
 *
 * @module
 */
import { closeSync, lstatSync, renameSync, truncateSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { bytesEqual } from '../../base/bytes.ts'
import { CodedError } from '../../base/errors.ts'
import { absolute, openToWrite, statIfAny } from './jail.ts'
import type { Places } from './places.ts'
import type { StoreHost } from './store-host.ts'

/** Between turns of the event loop, which must not stand still for a share of many thousand files. */
const FILES_A_TURN = 256

/**
 * Rejects with CodedError `CID_MISMATCH` when a chosen file is not what the share's maker claimed: the final name
 * stays unwritten.
 */
export async function checkCids(places: Places, host: StoreHost): Promise<void> {
  for (const { index, cid, path } of places.share.files) {
    if (cid === undefined || !places.isChosen(index)) continue
    const reply = await host.workers.run({ kind: 'cid', place: places.place(index) })
    if (!reply.ok) throw new CodedError(reply.code, reply.message)
    if (bytesEqual(reply.hash!, cid)) continue
    throw new CodedError('CID_MISMATCH', `${path} is complete, but it is not the file that its cid names`)
  }
}

/** Empty files are made here: no piece holds them. A part left by something else may be too long. */
export async function completeFiles(places: Places): Promise<void> {
  for (const { index, length } of places.share.files) {
    if (index % FILES_A_TURN === 0) await turn()
    if (!places.isChosen(index)) continue
    const place = places.place(index)
    if (length === 0) closeSync(openToWrite(place))
    if (lstatSync(absolute(place)).size > length) truncateSync(absolute(place), length)
  }
}

/** @throws {CodedError<'FINAL_EXISTS'>} and system errors */
export function renameToFinal(places: Places): void {
  const final = absolute({ base: places.folder, path: places.share.name })
  if (statIfAny(final) !== undefined) {
    throw new CodedError('FINAL_EXISTS', `${final} came into being meanwhile: move it away and resume`)
  }
  renameSync(places.rootPath, final)
  places.renamed(places.share.name)
}
