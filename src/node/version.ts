/**
 * What we call ourselves towards others.
 *
 * @module
 */
export const VERSION = '0.1.0'
export const USER_AGENT = `Tallyswarm/${VERSION}`
