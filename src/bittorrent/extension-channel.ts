/**
 * The extension protocol of one connection: our handshake, theirs, and the messages under agreed numbers.
 *
 * Source: BEP 10. A later handshake changes only what it names.
 *
 * @module
 */
import { DecodeError } from '../base/errors.ts'
import {
  decodeExtensionHandshake,
  EXTENSION_HANDSHAKE_ID,
  EXTENSION_IDS,
  type ExtensionHandshake,
  type ExtensionName,
  encodeExtensionHandshake,
} from './extension.ts'
import type { TallyChannel } from './tally-channel.ts'
import { decodeMetadataMessage, encodeMetadataMessage, type MetadataMessage } from './ut-metadata.ts'
import { encodeExtended } from './wire.ts'

/** Handshakes of one peer; each costs a parse of up to a megabyte (our limit). */
const HANDSHAKES_MAX = 100

export type ExtensionOwner = {
  send(bytes: Uint8Array): void
  /** The peer's first handshake, or a later one, was read. */
  extensionsKnown(): void
  metadataMessage(message: MetadataMessage): void
  readonly tally: Pick<TallyChannel, 'receiveFrame'>
}

export class ExtensionChannel {
  /** What the peer said, later handshakes merged in. */
  peer: ExtensionHandshake = { ids: {} }
  readonly #owner: ExtensionOwner
  #handshakes = 0

  constructor(owner: ExtensionOwner) {
    this.#owner = owner
  }

  /** Whether the peer has said what it speaks. */
  get known(): boolean {
    return this.#handshakes > 0
  }

  speaks(name: ExtensionName): boolean {
    return (this.peer.ids[name] ?? 0) > 0
  }

  sendHandshake(handshake: ExtensionHandshake): void {
    this.#owner.send(encodeExtended(EXTENSION_HANDSHAKE_ID, encodeExtensionHandshake(handshake)))
  }

  /** Does nothing when the peer does not take metadata messages. */
  sendMetadata(message: MetadataMessage): void {
    this.#send('ut_metadata', encodeMetadataMessage(message))
  }

  sendTally(frame: Uint8Array): void {
    this.#send('tsw', frame)
  }

  /** @throws {DecodeError} and what the owner throws */
  receive(id: number, payload: Uint8Array): void {
    if (id === EXTENSION_HANDSHAKE_ID) this.#handshake(payload)
    else if (id === EXTENSION_IDS.tsw) this.#owner.tally.receiveFrame(payload)
    else if (id === EXTENSION_IDS.ut_metadata) {
      const message = decodeMetadataMessage(payload)
      if (message !== undefined) this.#owner.metadataMessage(message)
    }
  }

  #handshake(payload: Uint8Array): void {
    if (++this.#handshakes > HANDSHAKES_MAX) {
      throw new DecodeError('EXTENSION_FLOOD', 'too many extension handshakes')
    }
    const next = decodeExtensionHandshake(payload)
    this.peer = { ...this.peer, ...next, ids: { ...this.peer.ids, ...next.ids } }
    this.#owner.extensionsKnown()
  }

  #send(name: ExtensionName, payload: Uint8Array): void {
    const id = this.peer.ids[name] ?? 0
    if (id > 0) this.#owner.send(encodeExtended(id, payload))
  }
}
