/**
 * Bytes written one after the other into an array that doubles: a torrent of many files has millions of parts.
 *
 * @module
 */
export class ByteWriter {
  #bytes = new Uint8Array(1024)
  #length = 0

  /** Appends ASCII text. */
  ascii(text: string): void {
    this.#reserve(text.length)
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i)
  }

  /** Appends a copy. */
  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** A copy of everything written. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  #reserve(more: number): void {
    const length = this.#length + more
    if (length <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(length, 2 * this.#bytes.length))
    grown.set(this.#bytes)
    this.#bytes = grown
  }
}
