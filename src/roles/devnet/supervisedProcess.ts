import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Clock } from '../../base/clock.js'
import { CrynuxError, EXIT } from '../../base/errors.js'
import { GUARD_FAREWELL, type GuardOrder, guardSource } from './guardSource.js'

/** How a process ended. */
export type ProcessEnd = { code: number | null; signal: string | null }

/** A child that cannot outlive us and whose output is in a file. */
export type SupervisedProcess = {
  name: string
  pid: number
  logPath: string
  /** Resolves when the process has ended; never rejects. */
  ended: Promise<ProcessEnd>
  /**
   * The first match in the process's log, waiting for it.
   *
   * @throws ProcessEndedError when the process ends first, ProcessTooSlowError after `timeoutMs`.
   */
  waitForLog(
    pattern: RegExp,
    options: { clock: Clock; signal: AbortSignal; timeoutMs: number },
  ): Promise<RegExpExecArray>
  /** SIGTERM (for a guarded program: SIGINT by its guard), after `graceMs` SIGKILL. Resolves when it is gone. */
  stop(options: { clock: Clock; graceMs: number }): Promise<ProcessEnd>
  /** SIGKILL at once. */
  kill(): void
}

export type SupervisedProcessOptions = {
  name: string
  file: string
  args: readonly string[]
  /** The whole environment; nothing is inherited. */
  environment: Readonly<Record<string, string>>
  cwd: string
  /** stdout and stderr are appended here by the kernel, so that the last words of a killed process are kept too. */
  logPath: string
  /** Wraps a program that cannot notice our end, see guardSource. */
  guard?: { removeFolder?: string }
}

/**
 * Starts a child process. Our own programs get `CRYNUX_EXIT_WITH_PARENT=1` and a pipe as standard input whose end tells them
 * that we are gone; foreign ones are put under a guard.
 */
export function startSupervisedProcess(options: SupervisedProcessOptions): SupervisedProcess {
  const { name, logPath, guard } = options
  const order: GuardOrder = { file: options.file, args: [...options.args], ...guard }
  const log = openSync(logPath, 'a', 0o600)
  // node:child_process, because execa copies output through this process: a log would lose its last lines with us.
  const child = spawn(
    guard ? process.execPath : options.file,
    guard ? ['-e', guardSource, JSON.stringify(order)] : options.args,
    {
      cwd: options.cwd,
      env: guard ? options.environment : { ...options.environment, CRYNUX_EXIT_WITH_PARENT: '1' },
      stdio: ['pipe', log, log],
    },
  )
  closeSync(log)
  // Writing to a process that has just ended is no error of ours.
  child.stdin?.on('error', () => {})
  let end: ProcessEnd | undefined
  const ended = new Promise<ProcessEnd>((resolve) => {
    const finish = (code: number | null, signal: string | null) => {
      end ??= { code, signal }
      resolve(end)
    }
    child.once('exit', finish)
    child.once('error', () => finish(127, null))
  })

  return {
    name,
    pid: child.pid ?? -1,
    logPath,
    ended,
    async waitForLog(pattern, { clock, signal, timeoutMs }) {
      const deadline = clock.now() + timeoutMs
      while (true) {
        const hadEnded = end
        const match = pattern.exec(await readTail(logPath))
        if (match) return match
        if (hadEnded) throw processEnded(name, hadEnded, await readTail(logPath), logPath)
        if (clock.now() > deadline) {
          throw new ProcessTooSlowError(`${name} was not ready after ${Math.round(timeoutMs / 1000)} s`, {
            remedy: `The machine may be overloaded; see ${logPath}, and keep it with --keep.`,
          })
        }
        await clock.sleep(20, signal)
      }
    },
    async stop({ clock, graceMs }) {
      if (end) return end
      if (guard) child.stdin?.end(GUARD_FAREWELL)
      else child.kill('SIGTERM')
      const patience = new AbortController()
      const outOfPatience = clock.sleep(graceMs, patience.signal).then(
        () => child.kill('SIGKILL'),
        () => false,
      )
      await ended
      patience.abort()
      await outOfPatience
      return ended
    },
    kill: () => {
      child.kill('SIGKILL')
    },
  }
}

/** The error for a process that ended although it was needed, with the last line it wrote. */
export function processEnded(name: string, end: ProcessEnd, log: string, logPath: string): ProcessEndedError {
  const how = end.signal ? `was ended by ${end.signal}` : `ended with status ${end.code}`
  const lastLine = lastWords(log)
  return new ProcessEndedError(`${name} ${how}${lastLine ? `: ${lastLine}` : ''}`, {
    remedy: `Its log ${basename(logPath)} says more; keep it with --keep.`,
    details: { process: name, status: end.code, signal: end.signal },
  })
}

/** The last 64 KiB of a log. */
export async function readTail(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const length = Math.min(size, 65_536)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.subarray(0, bytesRead).toString('utf8')
  } finally {
    await file.close()
  }
}

/** What a log ends with, in one short line; our own programs' `error:` line where there is one. */
function lastWords(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '')
  const line = lines.findLast((candidate) => candidate.startsWith('error:')) ?? lines.at(-1) ?? ''
  return line.replace(/^error: /, '').slice(0, 200)
}

/** A process that was needed has ended. */
export class ProcessEndedError extends CrynuxError {
  override readonly code = 'CRYNUX_PROCESS_ENDED'
  override readonly exitCode = EXIT.internal
}

/** A process did not become ready in time. */
export class ProcessTooSlowError extends CrynuxError {
  override readonly code = 'CRYNUX_PROCESS_TOO_SLOW'
  override readonly exitCode = EXIT.temporary
}
