/**
 * The world as arguments: time, chance and byte streams. Implementations live in `base/io/` and in each
 * protocol's `io/`; pure folders see only these types.
 *
 * @module
 */

/** `nowMs` is wall-clock milliseconds since 1970; `monotonicMs` only ever grows and is for spans. */
export type Clock = { readonly nowMs: () => number; readonly monotonicMs: () => number }

/** `bytes(n)` returns n bytes from the system's random source; `fraction()` is in [0, 1) and never for secrets. */
export type Random = { readonly bytes: (length: number) => Uint8Array; readonly fraction: () => number }

export type Address = { readonly host: string; readonly port: number }

/**
 * One connected byte stream (TCP now; uTP and WebRTC behind the same type).
 * `send` takes ownership of the bytes until `onSent` is called: the caller must not reuse them before.
 * It returns false when `queuedBytesMax` of the transport is exceeded; wait for `drained` then.
 */
export type ByteStream = {
  readonly remote: Address
  readonly local: Address
  readonly outgoing: boolean
  send(bytes: Uint8Array, onSent?: () => void): boolean
  /** Stops and restarts delivery of `received`, for back-pressure. */
  pause(): void
  resume(): void
  /** Closes now. Idempotent; `closed` follows once. */
  close(reason?: string): void
}

/** What a stream tells its owner. `received` bytes are a view into a reused buffer: copy what must live on. */
export type StreamOwner = {
  received(bytes: Uint8Array): void
  drained(): void
  closed(reason: string): void
}

/** Opens outgoing streams. Rejects with CodedError `DIAL_FAILED` or `DIAL_TIMEOUT`. */
export type Dialer = {
  dial(
    to: Address,
    owner: (stream: ByteStream) => StreamOwner,
    options: { signal: AbortSignal; timeoutMs: number },
  ): Promise<ByteStream>
}

/** Accepts incoming streams until disposed. `address` says what was really bound (port 0 resolves). */
export type StreamHost = AsyncDisposable & { readonly address: Address }
