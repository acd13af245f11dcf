/**
 * Files that run in a thread or process of their own. They lie beside their callers: as `.ts` in a checkout, as
 * `.js` in what is published, because Node strips no types below node_modules.
 *
 * @module
 */

/** The file `name` (relative, without extension) under the extension of the caller, whose `import.meta.url` it takes. */
export function siblingUrl(name: string, callerUrl: string): URL {
  return new URL(name + callerUrl.slice(callerUrl.lastIndexOf('.')), callerUrl)
}
