import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { packageRoot } from '../../src/base/packageRoot.js'

const program = join(packageRoot, 'bin', 'crynux.js')

export type Finished = { status: number | null; signal: string | null; stdout: string; stderr: string }

/** A run of the built program. */
export type CrynuxProcess = {
  process: ChildProcess
  pid: number
  /** What it has written so far. */
  output(): { stdout: string; stderr: string }
  finished: Promise<Finished>
}

export type CrynuxOptions = {
  /** Added to a small environment; none of the tester's own CRYNUX_ variables reaches the program. */
  environment?: Readonly<Record<string, string>>
  cwd?: string
  stdin?: string
}

/** Starts `bin/crynux.js` with these arguments. */
export function startCrynux(args: readonly string[], options: CrynuxOptions = {}): CrynuxProcess {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: options.cwd ?? packageRoot,
    env: baseEnvironment(options.environment),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.stdin.on('error', () => {})
  child.stdin.end(options.stdin ?? '')
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) => resolve({ status, signal, stdout, stderr }))
  })
  return { process: child, pid: child.pid ?? -1, output: () => ({ stdout, stderr }), finished }
}

/** Runs `bin/crynux.js` to its end. */
export const runCrynux = (args: readonly string[], options: CrynuxOptions = {}): Promise<Finished> =>
  startCrynux(args, options).finished

function baseEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const environment: Record<string, string> = { NO_COLOR: '1' }
  for (const name of ['PATH', 'HOME', 'LANG', 'TMPDIR', 'CRYNUX_ANVIL', 'CRYNUX_FORGE']) {
    const value = process.env[name]
    if (value !== undefined) environment[name] = value
  }
  return { ...environment, ...extra }
}
