import { expect, it } from 'vitest'
import { requireProgram, runInDevnet } from '../../../src/roles/devnet/runInDevnet.js'

const run = (script: string, signal = new AbortController().signal) =>
  runInDevnet({ signal }, { command: [process.execPath, '-e', script], environment: { CRYNUX_TEST: 'given' } })

it('gives the command the environment and returns its exit status', async () => {
  expect(await run('process.exit(process.env.CRYNUX_TEST === "given" && process.env.PATH ? 42 : 1)')).toBe(42)
})

it('reports a signal as a shell does', async () => {
  expect(await run('process.kill(process.pid, "SIGKILL")')).toBe(137)
})

it('ends the command when it is told to stop', async () => {
  const controller = new AbortController()
  const ended = run('setInterval(() => {}, 1000)', controller.signal)
  controller.abort()
  expect(await ended).toBe(143)
})

it('says when a command does not exist', async () => {
  await expect(
    runInDevnet({ signal: new AbortController().signal }, { command: ['no-such-command'], environment: {} }),
  ).rejects.toThrow("the command 'no-such-command' cannot be started")
})

it('knows beforehand whether a command can be started', () => {
  const path = process.env.PATH ?? ''
  expect(() => requireProgram(['node'], { path })).not.toThrow()
  expect(() => requireProgram([process.execPath], { path: '' })).not.toThrow()
  expect(() => requireProgram(['crynux'], { path: '' })).not.toThrow()
  expect(() => requireProgram(['no-such-command'], { path })).toThrow("'no-such-command' cannot be started")
  expect(() => requireProgram(['./package.json'], { path })).toThrow("'./package.json' cannot be started")
  expect(() => requireProgram(['/tmp'], { path })).toThrow("'/tmp' cannot be started")
})
