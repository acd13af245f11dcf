/**
 * What we say of ourselves in an extension handshake.
 *
 * Source: BEP 10; `metadata_size` BEP 9, `upload_only` BEP 21.
 *
 * @module
 */
import { CLIENT_NAME, EXTENSION_IDS, type ExtensionHandshake } from './extension.ts'
import type { SessionSwarm } from './session-swarm.ts'

type Told = Pick<SessionSwarm<never>, 'settings' | 'infoBytes' | 'listenPort' | 'transfer'>

export function ourExtensions(swarm: Told, offersTally: boolean): ExtensionHandshake {
  const { settings, infoBytes, listenPort, transfer } = swarm
  const { tsw, ...plain } = EXTENSION_IDS
  return {
    ids: offersTally ? { ...plain, tsw } : plain,
    client: CLIENT_NAME,
    requestQueue: settings.queuedRequestsMax,
    ...(listenPort > 0 && { listenPort }),
    ...(infoBytes && { metadataBytes: infoBytes.length }),
    ...(transfer && { uploadOnly: transfer.reader.have.isFull }),
  }
}
