/**
 * Bencode: byte strings, integers, lists and dictionaries, read strictly and written canonically.
 *
 * Source: BEP 3, "bencoding"; the rules on keys and zeros as BEP 52 words them.
 *
 *   4:spam           byte string   -> Uint8Array, a view into the input
 *   i-3e             integer       -> bigint, always (whatever its size: no value has two representations)
 *   l...e            list          -> array
 *   d...e            dictionary    -> Map, keys as byte strings: one character (U+0000 to U+00FF) per byte
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { DecodeError } from '../base/errors.ts'
import { ByteWriter } from './byte-writer.ts'

export type Bencode = bigint | Uint8Array | readonly Bencode[] | BencodeDict
export type BencodeDict = ReadonlyMap<string, Bencode>
/** What the encoder takes: as decoded, and for convenience safe integers, text (UTF-8), plain objects. */
export type BencodeInput =
  | bigint
  | number
  | string
  | Uint8Array
  | readonly BencodeInput[]
  | ReadonlyMap<string, BencodeInput>
  | { readonly [key: string]: BencodeInput | undefined }

type BencodeErrorCode =
  | 'BENCODE_TOO_LARGE'
  | 'BENCODE_TOO_DEEP'
  | 'BENCODE_TOO_MANY_ITEMS'
  | 'BENCODE_TRUNCATED'
  | 'BENCODE_TRAILING_BYTES'
  | 'BENCODE_BAD_TOKEN'
  | 'BENCODE_BAD_INTEGER'
  | 'BENCODE_BAD_LENGTH'
  | 'BENCODE_BAD_KEY'
  | 'BENCODE_UNSORTED_KEYS'
  | 'BENCODE_DUPLICATE_KEY'
  | 'BENCODE_NOT_A_DICT'

export type BencodeOptions = {
  /** Longest input. */
  readonly bytesMax?: number
  /** Lists and dictionaries inside each other. */
  readonly depthMax?: number
  /** Values in all, dictionary keys not counted. */
  readonly itemsMax?: number
  /** Accept keys out of order, as some clients send them in BEP 10 messages; duplicates never. */
  readonly lenientKeys?: boolean
}

/** Limits for one message of a peer or tracker; torrents have their own (`metainfo.ts`). */
const MESSAGE_LIMITS = { bytesMax: 2 ** 20, depthMax: 32, itemsMax: 20_000 } as const
/**
 * Beyond this many values each must have cost its sender some bytes: real torrents spend more than four a value,
 * `le` repeated spends two, and each becomes an object of a hundred.
 */
const ITEMS_FREE = 20_000
const BYTES_PER_ITEM_MIN = 4
/** An integer has at most a 64-bit value in every format we know, sign and 20 digits. */
const INTEGER_CHARACTERS_MAX = 21

const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const MINUS = 0x2d
const D = 0x64
const E = 0x65
const I = 0x69
const L = 0x6c

/** Reads one value that fills the input. @throws {DecodeError<BencodeErrorCode>} */
export function decodeBencode(bytes: Uint8Array, options: BencodeOptions = {}): Bencode {
  const { value, end } = decodeBencodePrefix(bytes, options)
  if (end !== bytes.length) throw fail('BENCODE_TRAILING_BYTES', 'bytes after the value', end)
  return value
}

/** As `decodeBencode`, for input that is a dictionary. @throws {DecodeError<BencodeErrorCode>} */
export function decodeBencodeDict(bytes: Uint8Array, options: BencodeOptions = {}): BencodeDict {
  const value = decodeBencode(bytes, options)
  if (!isDict(value)) throw fail('BENCODE_NOT_A_DICT', 'expected a dictionary', 0)
  return value
}

/**
 * Reads the value at the start of the input and tells where it ended, as ut_metadata (BEP 9) needs.
 *
 * @throws {DecodeError<BencodeErrorCode>}
 */
export function decodeBencodePrefix(
  bytes: Uint8Array,
  options: BencodeOptions = {},
): { readonly value: Bencode; readonly end: number } {
  const reader = new Reader(bytes, options)
  return { value: reader.value(0), end: reader.at }
}

/**
 * A dictionary and the exact bytes (a view) of each of its values: what an info hash is taken over.
 *
 * @throws {DecodeError<BencodeErrorCode>}
 */
export function decodeBencodeSlices(
  bytes: Uint8Array,
  options: BencodeOptions = {},
): { readonly dict: BencodeDict; readonly slices: ReadonlyMap<string, Uint8Array> } {
  const reader = new Reader(bytes, options)
  const slices = new Map<string, Uint8Array>()
  const dict = reader.value(0, (key, start) => slices.set(key, reader.since(start)))
  if (!isDict(dict)) throw fail('BENCODE_NOT_A_DICT', 'expected a dictionary', 0)
  if (reader.at !== bytes.length) throw fail('BENCODE_TRAILING_BYTES', 'bytes after the value', reader.at)
  return { dict, slices }
}

export const isDict = (value: Bencode | undefined): value is BencodeDict => value instanceof Map

/** The bytes that a dictionary key stands for. */
export function keyBytes(key: string): Uint8Array {
  const bytes = new Uint8Array(key.length)
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i)
    assert(code <= 0xff, 'a key has one character per byte')
    bytes[i] = code
  }
  return bytes
}

/** The dictionary key for some bytes. */
export function keyOf(bytes: Uint8Array): string {
  let key = ''
  for (let i = 0; i < bytes.length; i++) key += String.fromCharCode(bytes[i]!)
  return key
}

function fail(code: BencodeErrorCode, message: string, offset: number): DecodeError<BencodeErrorCode> {
  return new DecodeError(code, `${message} at byte ${offset}`, { details: { offset } })
}

type OnEntry = (key: string, start: number) => void

class Reader {
  at = 0
  readonly #bytes: Uint8Array
  readonly #depthMax: number
  readonly #lenientKeys: boolean
  readonly #itemsMax: number
  #items = 0

  constructor(bytes: Uint8Array, options: BencodeOptions) {
    const { bytesMax, depthMax, itemsMax } = { ...MESSAGE_LIMITS, ...options }
    if (bytes.length > bytesMax) throw fail('BENCODE_TOO_LARGE', `more than ${bytesMax} bytes`, bytesMax)
    // Views of a Buffer would be Buffers, and so leak Node into whoever holds them.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#depthMax = depthMax
    this.#itemsMax = itemsMax
    this.#lenientKeys = options.lenientKeys ?? false
  }

  value(depth: number, onEntry?: OnEntry): Bencode {
    if (depth > this.#depthMax)
      throw fail('BENCODE_TOO_DEEP', `nested deeper than ${this.#depthMax}`, this.at)
    const itemsMax = Math.min(this.#itemsMax, ITEMS_FREE + this.at / BYTES_PER_ITEM_MIN)
    if (++this.#items > itemsMax) throw fail('BENCODE_TOO_MANY_ITEMS', 'too many values', this.at)
    const token = this.#peek()
    if (token >= ZERO && token <= NINE) return this.#string()
    if (token === I) return this.#integer()
    if (token === L) return this.#list(depth)
    if (token === D) return this.#dict(depth, onEntry)
    throw fail('BENCODE_BAD_TOKEN', 'no value starts with this byte', this.at)
  }

  since(start: number): Uint8Array {
    return this.#bytes.subarray(start, this.at)
  }

  #peek(): number {
    const byte = this.#bytes[this.at]
    if (byte === undefined) throw fail('BENCODE_TRUNCATED', 'the input ends inside a value', this.at)
    return byte
  }

  #string(): Uint8Array {
    const start = this.at
    let length = 0
    for (let byte = this.#peek(); byte !== COLON; byte = this.#peek()) {
      const bad = byte < ZERO || byte > NINE || (this.at > start && length === 0)
      length = length * 10 + (byte - ZERO)
      if (bad || length > Number.MAX_SAFE_INTEGER) {
        throw fail('BENCODE_BAD_LENGTH', 'a length is decimal digits without leading zero', start)
      }
      this.at++
    }
    const begin = this.at + 1
    if (length > this.#bytes.length - begin) throw fail('BENCODE_TRUNCATED', 'the string is cut off', start)
    this.at = begin + length
    return this.#bytes.subarray(begin, this.at)
  }

  #integer(): bigint {
    const start = ++this.at
    if (this.#peek() === MINUS) this.at++
    const digits = this.at
    for (let byte = this.#peek(); byte !== E; byte = this.#peek()) {
      if (byte < ZERO || byte > NINE || this.at - start >= INTEGER_CHARACTERS_MAX) {
        throw fail('BENCODE_BAD_INTEGER', 'an integer is up to 20 decimal digits', start)
      }
      this.at++
    }
    const length = this.at - digits
    const leadingZero = this.#bytes[digits] === ZERO && (length > 1 || digits > start)
    if (length === 0 || leadingZero) {
      throw fail('BENCODE_BAD_INTEGER', 'no digits, a leading zero or -0', start)
    }
    return BigInt(keyOf(this.#bytes.subarray(start, this.at++)))
  }

  #list(depth: number): Bencode[] {
    const list: Bencode[] = []
    for (this.at++; this.#peek() !== E; ) list.push(this.value(depth + 1))
    this.at++
    return list
  }

  #dict(depth: number, onEntry: OnEntry | undefined): BencodeDict {
    const dict = new Map<string, Bencode>()
    let last: string | undefined
    for (this.at++; this.#peek() !== E; ) {
      const keyAt = this.at
      const token = this.#peek()
      if (token < ZERO || token > NINE) throw fail('BENCODE_BAD_KEY', 'a key is a byte string', keyAt)
      const key = keyOf(this.#string())
      if (dict.has(key)) throw fail('BENCODE_DUPLICATE_KEY', 'a key comes twice', keyAt)
      if (last !== undefined && key < last && !this.#lenientKeys) {
        throw fail('BENCODE_UNSORTED_KEYS', 'keys must be sorted as raw bytes', keyAt)
      }
      last = key
      const start = this.at
      dict.set(key, this.value(depth + 1))
      onEntry?.(key, start)
    }
    this.at++
    return dict
  }
}

/** Canonical bytes: sorted keys, entries that are `undefined` left out. */
export function encodeBencode(value: BencodeInput): Uint8Array {
  const out = new ByteWriter()
  write(value, out)
  return out.bytes()
}

// Array.isArray does not narrow a readonly array out of a union.
const isList = (value: BencodeInput): value is readonly BencodeInput[] => Array.isArray(value)

const encoder = new TextEncoder()

function write(value: BencodeInput, out: ByteWriter): void {
  if (typeof value === 'bigint' || typeof value === 'number') {
    assert(typeof value === 'bigint' || Number.isSafeInteger(value), 'an integer is safe or a bigint')
    out.ascii(`i${value}e`)
  } else if (typeof value === 'string') {
    writeString(encoder.encode(value), out)
  } else if (value instanceof Uint8Array) {
    writeString(value, out)
  } else if (isList(value)) {
    out.ascii('l')
    for (const item of value) write(item, out)
    out.ascii('e')
  } else {
    writeDict(value instanceof Map ? [...value] : Object.entries(value), out)
  }
}

function writeString(bytes: Uint8Array, out: ByteWriter): void {
  out.ascii(`${bytes.length}:`)
  out.append(bytes)
}

function writeDict(entries: [string, BencodeInput | undefined][], out: ByteWriter): void {
  out.ascii('d')
  for (const [key, value] of entries.sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (value === undefined) continue
    writeString(keyBytes(key), out)
    write(value, out)
  }
  out.ascii('e')
}
