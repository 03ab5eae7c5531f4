/** What the guard is told, as JSON in its first argument. */
export type GuardOrder = {
  file: string
  args: string[]
  /** Removed when we were killed and cannot do so ourselves; absent to keep everything. */
  removeFolder?: string
}

/** Written to the guard's standard input before it is closed: this is an orderly end, remove nothing. */
export const GUARD_FAREWELL = 'farewell'

/**
 * The program of a guard: a small Node process between us and a foreign program (anvil) that cannot watch its parent itself.
 *
 * It ends the program with SIGINT as soon as its standard input ends, and that happens even when we are killed with SIGKILL,
 * because the kernel closes our end of the pipe. The program gets a process group of its own, so that Ctrl-C in a terminal
 * reaches us first and the order of the teardown stays ours. Run as `node -e <source> <order>`.
 */
export const guardSource = `
const { spawn } = require('node:child_process')
const { rmSync } = require('node:fs')
const order = JSON.parse(process.argv[1])
const program = spawn(order.file, order.args, { stdio: ['ignore', 'inherit', 'inherit'], detached: true })
let stopping = false
let orphaned = false
let heard = ''
const stop = () => {
  if (stopping) return
  stopping = true
  program.kill('SIGINT')
  setTimeout(() => program.kill('SIGKILL'), 3000).unref()
}
const finish = (status) => {
  if (!orphaned || !order.removeFolder) return process.exit(status)
  // Our siblings saw their pipes end at the same moment and may still be writing their last lines.
  setTimeout(() => {
    try { rmSync(order.removeFolder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }) } catch {}
    process.exit(status)
  }, 4000)
}
program.on('error', (error) => {
  process.stderr.write('cannot start ' + order.file + ': ' + error.code + '\\n')
  finish(127)
})
program.on('exit', (code) => finish(stopping ? 0 : code ?? 1))
process.on('SIGINT', () => {})
process.on('SIGTERM', stop)
process.on('SIGHUP', stop)
const ended = () => {
  orphaned ||= heard !== '${GUARD_FAREWELL}'
  stop()
}
process.stdin.setEncoding('utf8').on('data', (text) => { heard += text }).on('end', ended).on('error', ended)
`
