/**
 * What of a share is on the disk already when a download opens, and where.
 *
 * @module
 */
import { readdirSync } from 'node:fs'
import { CodedError } from '../../base/errors.ts'
import type { Share } from '../../content/share.ts'
import { Bitfield } from '../bitfield.ts'
import { absolute, statIfAny } from './jail.ts'
import { PART_SUFFIX, Places, type PlacesInput } from './places.ts'
import { type ResumeState, stateName } from './resume.ts'
import type { StoreHost } from './store-host.ts'
import { type VerifyOptions, verifyPieces } from './verify.ts'

export type Located = {
  readonly places: Places
  readonly have: Bitfield
  readonly wanted: Bitfield
  /** The final name is there and right. */
  readonly finished: boolean
}

export type LocateInput = {
  readonly share: Share
  /** Real paths of folders that exist. */
  readonly outputFolder: string
  readonly stateFolder: string
  /** File indexes; all when absent. */
  readonly chosenFiles?: readonly number[] | undefined
}

/** The pieces that hold bytes of the chosen files. */
function wantedPieces(share: Share, isChosen: (file: number) => boolean): Bitfield {
  const { pieceCount, pieceLength, files } = share.layout
  const wanted = new Bitfield(pieceCount)
  for (const { index, offset, length } of files) {
    if (length === 0 || !isChosen(index)) continue
    const last = Math.floor((offset + length - 1) / pieceLength)
    for (let piece = Math.floor(offset / pieceLength); piece <= last; piece++) wanted.set(piece)
  }
  return wanted
}

function holdsData(path: string): boolean {
  const stats = statIfAny(path)
  if (stats === undefined) return false
  return stats.isDirectory() ? readdirSync(path).length > 0 : stats.size > 0
}

/** Wrong sizes spare us hashing a file of the same name that is something else. */
function sizesMatch(places: Places): boolean {
  return places.share.files.every(
    ({ index, length }) =>
      !places.isChosen(index) || statIfAny(absolute(places.place(index)))?.size === length,
  )
}

/**
 * Finds and verifies what is there: a finished share, or the parts of one.
 *
 * Rejects with CodedError `FINAL_EXISTS` when something else has the final name, `PART_EXISTS` when something else
 * has the part's name: neither is ever overwritten.
 */
export async function locate(
  input: LocateInput,
  resume: ResumeState,
  host: StoreHost,
  options: VerifyOptions,
): Promise<Located> {
  const { share, outputFolder: folder } = input
  const chosen = new Set(input.chosenFiles ?? share.files.map(({ index }) => index))
  const skipped: PlacesInput['skipped'] = {
    folder: input.stateFolder,
    name: `${stateName(share)}.skipped`,
    files: new Set(share.files.map(({ index }) => index).filter((index) => !chosen.has(index))),
  }
  const places = (rootName: string) => new Places(share, { folder, rootName, skipped })
  const final = places(share.name)
  const part = places(`${share.name}${PART_SUFFIX}`)
  const wanted = wantedPieces(share, (file) => chosen.has(file))
  if (statIfAny(final.rootPath) !== undefined) {
    return {
      places: final,
      wanted,
      finished: true,
      have: await haveOfFinal(final, wanted, resume, host, options),
    }
  }
  return { places: part, wanted, finished: false, have: await haveOfPart(part, resume, host, options) }
}

async function haveOfFinal(
  places: Places,
  wanted: Bitfield,
  resume: ResumeState,
  host: StoreHost,
  options: VerifyOptions,
): Promise<Bitfield> {
  const covers = (have: Bitfield) => wanted.bytes.every((byte, i) => (byte & ~have.bytes[i]!) === 0)
  const journal = resume.read()
  if (journal !== undefined && covers(journal) && resume.takeCleanMark(places)) return journal
  if (sizesMatch(places)) {
    const all = Bitfield.full(places.share.layout.pieceCount)
    const have = await verifyPieces(places, journal ?? all, host, options)
    if (covers(have)) return have
    // A journal may be older than the file; what it lacks may be there all the same.
    const whole = journal === undefined ? have : await verifyPieces(places, all, host, options)
    if (covers(whole)) return whole
  }
  throw new CodedError(
    'FINAL_EXISTS',
    `${places.rootPath} exists and is not what this share holds: move it away or choose another folder`,
  )
}

async function haveOfPart(
  places: Places,
  resume: ResumeState,
  host: StoreHost,
  options: VerifyOptions,
): Promise<Bitfield> {
  const { pieceCount } = places.share.layout
  const journal = resume.read()
  const isClean = resume.takeCleanMark(places)
  if (statIfAny(places.rootPath) === undefined) return new Bitfield(pieceCount)
  if (journal !== undefined && isClean) return journal
  const have = await verifyPieces(places, journal ?? Bitfield.full(pieceCount), host, options)
  if (journal === undefined && have.count === 0 && holdsData(places.rootPath)) {
    throw new CodedError(
      'PART_EXISTS',
      `${places.rootPath} exists and holds nothing of this share: move it away or choose another folder`,
    )
  }
  return have
}
