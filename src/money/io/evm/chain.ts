/** EVM connection (being written: the signature is what counts). @module */
export type EvmChain = {
  readonly url: string
  readonly chainId: number
  readonly genesis: Uint8Array
}
/** Asks the chain who it is; rejects CHAIN_WRONG when id or genesis differ from what is expected. */
export async function connectEvm(_options: {
  readonly url: string
  readonly chainId?: number
  readonly genesis?: Uint8Array
  readonly timeoutMs?: number
}): Promise<EvmChain> {
  throw new Error('being written')
}
