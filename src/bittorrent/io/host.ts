/**
 * One listener and one set of limits for all swarms of a node.
 *
 * @module
 */
import type { BittorrentHost, HostSettings } from '../contract.ts'

/** Opens the listener (port 0 resolves). @throws {CodedError<'LISTEN_FAILED'>} */
export declare function createBittorrentHost(settings?: Partial<HostSettings>): Promise<BittorrentHost>
