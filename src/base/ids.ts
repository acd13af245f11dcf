/**
 * Branded hashes and ids, each made by one checking function. As map keys: lower-case hex (`toHex`).
 *
 * @module
 */
import type { Brand } from './brand.ts'
import { DecodeError } from './errors.ts'

export type InfoHashV1 = Brand<Uint8Array, 'InfoHashV1'> // 20 bytes, SHA-1 of the info dictionary
export type InfoHashV2 = Brand<Uint8Array, 'InfoHashV2'> // 32 bytes, SHA-256 of the info dictionary
export type Cid = Brand<Uint8Array, 'Cid'> // 32 bytes, SHA-256 of one whole file
export type Ed2kHash = Brand<Uint8Array, 'Ed2kHash'> // 16 bytes
export type PeerId = Brand<Uint8Array, 'PeerId'> // 20 bytes
export type ShareId = Brand<Uint8Array, 'ShareId'> // 32 bytes, the name of a share in tallies
export type ScopeId = Brand<Uint8Array, 'ScopeId'> // 32 bytes, who credits a tally

function sized(bytes: Uint8Array, length: number, what: string): Uint8Array {
  if (bytes.length !== length) {
    throw new DecodeError('WRONG_LENGTH', `${what} must be ${length} bytes, got ${bytes.length}`)
  }
  return bytes
}

export const infoHashV1 = (bytes: Uint8Array) => sized(bytes, 20, 'a v1 info hash') as InfoHashV1
export const infoHashV2 = (bytes: Uint8Array) => sized(bytes, 32, 'a v2 info hash') as InfoHashV2
export const cid = (bytes: Uint8Array) => sized(bytes, 32, 'a cid') as Cid
export const ed2kHash = (bytes: Uint8Array) => sized(bytes, 16, 'an ed2k hash') as Ed2kHash
export const peerId = (bytes: Uint8Array) => sized(bytes, 20, 'a peer id') as PeerId
export const shareId = (bytes: Uint8Array) => sized(bytes, 32, 'a share id') as ShareId
export const scopeId = (bytes: Uint8Array) => sized(bytes, 32, 'a scope id') as ScopeId
