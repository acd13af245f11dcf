#!/usr/bin/env node
/**
 * The entry point: keeps Node's compile cache (sources are stripped once, not at every start), then runs the program.
 *
 * @module
 */
// The whole module, because an old Node has no such export and would not get as far as the message below.
import nodeModule from 'node:module'

const [major] = process.versions.node.split('.').map(Number)
if (major === undefined || major < 24) {
  process.stderr.write(
    `Tallyswarm needs Node 24 or newer, this is ${process.versions.node}. In a checkout, "npm run tallyswarm -- …" uses the pinned one.\n`,
  )
  process.exit(2)
}
nodeModule.enableCompileCache()
const { runProgram } = await import('./program.ts')
await runProgram(process.argv.slice(2))
