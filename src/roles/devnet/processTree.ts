import { join } from 'node:path'
import type { Clock } from '../../base/clock.js'
import type { CrynuxError } from '../../base/errors.js'
import { crynuxProgram } from './devnetFolder.js'
import { processEnded, readTail, type SupervisedProcess, startSupervisedProcess } from './supervisedProcess.js'

/** What our own programs may take to end; then they are killed. A task in progress is worth nothing any more. */
const GRACE_MS = 5_000

/** The processes of one devnet. */
export type ProcessTree = {
  /** Starts our own program in its folder, where its log is `<name without number>.log`. */
  startProgram(options: {
    name: string
    folder: string
    args: readonly string[]
    environment: Readonly<Record<string, string>>
  }): SupervisedProcess
  /** Puts a process that was started elsewhere under this tree's care. */
  adopt(process: SupervisedProcess): void
  /** From now on `onLost` is told of every process that ends by itself, those that follow included. */
  watch(onLost: (process: string, error: CrynuxError) => void): void
  /** Ends all processes, the newest kind first: nodes, relay, chain. */
  stop(): Promise<void>
}

/** Creates an empty tree; `environment` is that of every program. */
export function createProcessTree({
  clock,
  environment,
}: {
  clock: Clock
  environment: Readonly<Record<string, string>>
}): ProcessTree {
  const processes: SupervisedProcess[] = []
  let stopping = false
  let onLost: ((process: string, error: CrynuxError) => void) | undefined

  const report = (process: SupervisedProcess): void => {
    void process.ended.then(async (end) => {
      if (stopping) return
      const log = await readTail(process.logPath).catch(() => '')
      onLost?.(process.name, processEnded(process.name, end, log, process.logPath))
    })
  }
  const add = (process: SupervisedProcess): SupervisedProcess => {
    processes.push(process)
    if (onLost) report(process)
    return process
  }
  const stopAll = (which: (process: SupervisedProcess) => boolean) =>
    Promise.all(processes.filter(which).map((process) => process.stop({ clock, graceMs: GRACE_MS })))

  return {
    startProgram: ({ name, folder, args, environment: extra }) =>
      add(
        startSupervisedProcess({
          name,
          file: process.execPath,
          args: [crynuxProgram, ...args],
          environment: { ...environment, ...extra },
          cwd: folder,
          logPath: join(folder, `${kindOf(name)}.log`),
        }),
      ),
    adopt: (process) => {
      add(process)
    },
    watch: (listener) => {
      onLost = listener
      for (const process of processes) report(process)
    },
    stop: async () => {
      stopping = true
      // Nodes speak to the relay and the chain while they leave, the relay to the chain.
      await stopAll(({ name }) => kindOf(name) === 'node')
      await stopAll(({ name }) => kindOf(name) === 'relay')
      await stopAll(() => true)
    },
  }
}

/** `node-3` → `node`. */
const kindOf = (name: string): string => name.replace(/-\d+$/, '')
