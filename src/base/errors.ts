/**
 * The errors we throw on purpose: one base with a stable code, one kind for malformed bytes.
 *
 * @module
 */

/** Base of every error we throw on purpose. `code` is stable and switchable; `message` is for people. */
export class CodedError<Code extends string = string> extends Error {
  override readonly name: string = 'CodedError'
  readonly code: Code
  readonly details: Readonly<Record<string, string | number | bigint>>

  constructor(
    code: Code,
    message: string,
    options: { details?: CodedError['details']; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }
}

/** Bytes from outside that do not follow their format. Catch where the connection lives; never a bug of ours. */
export class DecodeError<Code extends string = string> extends CodedError<Code> {
  override readonly name = 'DecodeError'
}

/** The code of a `CodedError` or a system error, else `UNKNOWN`: for counting and for people. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : 'UNKNOWN'
}

/** A message for people, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
