/**
 * Sizes, speeds, spans and amounts as people read them, and back.
 *
 * @module
 */
import { CodedError } from '../base/errors.ts'

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** 1536 → `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(value < 10 ? 2 : 1)} ${UNITS[unit]}`
}

export const formatSpeed = (bytesPerS: number): string => `${formatBytes(Math.round(bytesPerS))}/s`

/** 75,000 ms → `1:15`. */
export function formatSpan(spanMs: number): string {
  if (!Number.isFinite(spanMs)) return '–'
  const s = Math.max(0, Math.round(spanMs / 1000))
  const pad = (value: number) => String(value).padStart(2, '0')
  return s < 3600
    ? `${Math.floor(s / 60)}:${pad(s % 60)}`
    : `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}`
}

/** A whole number of wei from the command line or config. @throws {CodedError<'BAD_AMOUNT'>} */
export function parseWei(text: string): bigint {
  if (!/^\d{1,39}$/.test(text)) {
    throw new CodedError('BAD_AMOUNT', `expected a whole number of wei, got "${text}"`)
  }
  return BigInt(text)
}
