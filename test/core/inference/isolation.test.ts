import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Logger, silentLogger } from '../../../src/base/logger.js'
import { packageRoot } from '../../../src/base/packageRoot.js'
import { parseDevice } from '../../../src/core/devices/device.js'
import { residentMb } from '../../../src/core/inference/childProcess/residentMb.js'
import {
  createInferenceEngine,
  type InferenceEngine,
  type InferenceEngineOptions,
} from '../../../src/core/inference/engine.js'
import { parseImageArguments, type TaskArguments } from '../../../src/core/task/arguments.js'
import { createModelStore } from '../../../src/models/modelStore.js'
import { isAlive } from '../../helpers/isAlive.js'
import { until } from '../../helpers/until.js'

let folder: string
const opened: InferenceEngine[] = []
const pids: number[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crynux-isolation-'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await Promise.all(opened.splice(0).map((engine) => engine.close()))
  const left = pids.splice(0).filter(isAlive)
  for (const pid of left) process.kill(pid, 'SIGKILL')
  expect(left).toEqual([])
})
afterAll(() => rm(folder, { recursive: true }))

function engineOf(options: Partial<InferenceEngineOptions> = {}): InferenceEngine {
  const logger: Logger = { ...silentLogger, debug: ({ pid }) => void (pid && pids.push(pid)) }
  const engine = createInferenceEngine({
    modelFolder: createModelStore({ modelRoots: [] }).modelFolder,
    logger,
    ...options,
  })
  opened.push(engine)
  return engine
}

const never = new AbortController().signal
const task = (config: object = {}): TaskArguments => ({
  kind: 'image',
  arguments: parseImageArguments({
    base_model: 'embedded:tiny-shapes',
    prompt: 'a small green star on a night sky',
    task_config: { image_width: 64, image_height: 64, steps: 3, cfg: 4, num_images: 1, seed: 5, ...config },
  }),
})
const environmentChild = join(packageRoot, 'test/core/inference/fixtures/environmentChild.js')

describe('an inference process', () => {
  test('that is killed in the middle of a run is one clear error, and the next run has a new one', async () => {
    const engine = engineOf()
    const run = engine.run(task({ steps: 100, num_images: 10 }), {
      signal: never,
      onProgress: (progress) => {
        if (progress.stage === 'denoise' && progress.step === 2) process.kill(pids[0] ?? 0, 'SIGKILL')
      },
    })
    await expect(run).rejects.toMatchObject({
      code: 'CRYNUX_INFERENCE_CRASHED',
      message: 'the inference process ended unexpectedly (SIGKILL)',
    })
    expect((await engine.run(task(), { signal: never })).files).toHaveLength(1)
    expect(pids).toHaveLength(2)
  })

  test('ends when its parent is killed, even while a network blocks its thread', async () => {
    const child = join(folder, 'blockedChild.mjs')
    await build({
      stdin: {
        contents: `
          import { endWithParent } from './src/core/inference/childProcess/endWithParent.ts'
          endWithParent()
          process.on('message', () => {
            process.send(process.pid, () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
          })`,
        resolveDir: packageRoot,
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: child,
    })
    const parent = join(folder, 'parent.mjs')
    await writeFile(
      parent,
      `import { fork } from 'node:child_process'
       const child = fork(${JSON.stringify(child)})
       child.on('message', (pid) => process.send(pid))
       child.send('block')`,
    )
    const running: ChildProcess = spawn(process.execPath, [parent], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    const [pid] = (await once(running, 'message')) as [number]
    pids.push(pid)
    expect(isAlive(pid)).toBe(true)
    running.kill('SIGKILL')
    await until(() => !isAlive(pid), { timeoutMs: 30_000 })
  })

  test('sees no variable that could change results or tell secrets', async () => {
    for (const [name, value] of Object.entries({
      OMP_NUM_THREADS: '7',
      OMP_WAIT_POLICY: 'ACTIVE',
      KMP_AFFINITY: 'compact',
      ORT_DISABLE_ALL_OPTIMIZATION: '1',
      ORT_LOG_SEVERITY_LEVEL: '0',
      MKL_NUM_THREADS: '7',
      NODE_OPTIONS: '--no-warnings',
      CRYNUX_PASSWORD_FILE: '/secret',
      CUDA_VISIBLE_DEVICES: '1',
    })) {
      vi.stubEnv(name, value)
    }
    const namesOf = async (options: Partial<InferenceEngineOptions>) => {
      const { environment } = await engineOf({ childEntry: environmentChild, ...options }).run(task(), {
        signal: never,
      })
      return Object.keys(environment).filter((name) => /^(OMP|KMP|ORT|MKL|NODE_O|CRYNUX|CUDA)_/.test(name))
    }
    expect(await namesOf({})).toEqual(['ORT_DISABLE_TELEMETRY'])
    // Drivers of GPUs are told which devices there are, and nothing else.
    expect((await namesOf({ device: parseDevice('cuda:1') })).sort()).toEqual([
      'CUDA_DEVICE_ORDER',
      'CUDA_VISIBLE_DEVICES',
      'ORT_DISABLE_TELEMETRY',
    ])
  })

  test('serves one device', async () => {
    const engine = engineOf({ childEntry: environmentChild, device: parseDevice('cuda:1'), intraOpThreads: 2 })
    const { environment } = await engine.run(task(), { signal: never })
    expect(JSON.parse(String(environment.settings))).toEqual({
      device: { provider: 'cuda', index: 1 },
      intraOpThreads: 2,
    })
  })

  test.skipIf(process.platform === 'win32')('can be asked how much memory it has, with /proc and without', async () => {
    const [there, asked] = [await residentMb(process.pid), await residentMb(process.pid, 'darwin')]
    expect(there).toBeGreaterThan(20)
    // Slim containers have no ps.
    if (asked !== undefined) expect(Math.abs(asked / (there ?? 1) - 1)).toBeLessThan(0.5)
    expect(await residentMb(2 ** 22 + 1)).toBeUndefined()
    expect(await residentMb(process.pid, 'win32')).toBeUndefined()
  })
})

describe('the same task', () => {
  test('gives the same bytes in fresh and in used processes, on one and on two threads, whatever the environment says', async () => {
    const plain = engineOf()
    vi.stubEnv('OMP_NUM_THREADS', '2')
    vi.stubEnv('ORT_DISABLE_ALL_OPTIMIZATION', '1')
    const others = [plain, engineOf({ intraOpThreads: 2 }), engineOf({ intraOpThreads: 2 })]
    const results = [await plain.run(task(), { signal: never })]
    // All at once, on machines with fewer cores than threads: load changes nothing either.
    results.push(...(await Promise.all(others.map((engine) => engine.run(task(), { signal: never })))))
    expect(new Set(results.map(({ files }) => Buffer.from(files[0]?.bytes ?? []).toString('base64'))).size).toBe(1)
    expect(results.map(({ environment }) => environment.intraOpThreads)).toEqual([1, 1, 2, 2])
    expect(results[0]?.environment).toMatchObject({
      engine: 'onnxruntime-node',
      engineVersion: '1.30.0',
      executionProvider: 'cpu',
      device: 'cpu',
      interOpThreads: 1,
      graphOptimizationLevel: 'extended',
      batchLayout: 'negative, positive',
      dtype: 'float32',
    })
    expect(results[0]?.environment).not.toHaveProperty('partlyOnCpu')
  })
})
