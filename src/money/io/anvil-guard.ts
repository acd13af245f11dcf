/**
 * Stands between us and anvil so that it never outlives us: this small process holds the read end of a pipe
 * from its parent. When the parent ends, however it ends (SIGKILL too), the kernel closes the pipe, and the
 * guard stops anvil, giving it time to write its state.
 *
 * Run as `node anvil-guard.ts BINARY ARGUMENTS…`; prints anvil's output.
 *
 * @module
 */
import { spawn } from 'node:child_process'

const STOP_GRACE_MS = 5_000
const [binary = '', ...options] = process.argv.slice(2)
const anvil = spawn(binary, options, { stdio: ['ignore', 'inherit', 'inherit'] })

function stop(): void {
  anvil.kill('SIGTERM')
  setTimeout(() => anvil.kill('SIGKILL'), STOP_GRACE_MS).unref()
}

anvil.on('error', (error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
anvil.on('exit', (code) => process.exit(code ?? 1))
process.stdin.on('end', stop).on('error', stop).resume()
// A terminal's Ctrl-C reaches the whole process group: leave the order of ending to our parent.
process.on('SIGINT', () => {})
process.on('SIGTERM', stop)
