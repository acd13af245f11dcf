/**
 * Preconditions over one strong entity tag. We send no Last-Modified, so dates never match.
 *
 * Source: RFC 9110 sections 8.8.3 (entity tags), 13.1 (the headers), 13.2.2 (their order).
 *
 * @module
 */

export type Preconditions = {
  readonly ifMatch: string | undefined
  readonly ifNoneMatch: string | undefined
}

const TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g

/** What a GET or HEAD is answered with: its usual response, 304 or 412. `etag` is quoted and strong. */
export function checkPreconditions(
  { ifMatch, ifNoneMatch }: Preconditions,
  etag: string,
): 'proceed' | 'not-modified' | 'failed' {
  if (ifMatch !== undefined && ifMatch.trim() !== '*' && !tags(ifMatch).includes(etag)) return 'failed'
  if (ifNoneMatch === undefined) return 'proceed'
  const matches =
    ifNoneMatch.trim() === '*' || tags(ifNoneMatch).some((tag) => tag.replace(/^W\//, '') === etag)
  return matches ? 'not-modified' : 'proceed'
}

/**
 * Whether a Range header counts: without If-Range, or when its tag is ours. Weak tags and dates never are.
 */
export const rangeApplies = (ifRange: string | undefined, etag: string): boolean =>
  ifRange === undefined || ifRange.trim() === etag

const tags = (list: string): readonly string[] => list.match(TAG) ?? []
