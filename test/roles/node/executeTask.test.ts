import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Hex } from '../../../src/base/hex.js'
import { silentLogger } from '../../../src/base/logger.js'
import type { ChainTask } from '../../../src/chain/read/task.js'
import type { InferenceEngine, InferenceResult } from '../../../src/core/inference/engine.js'
import { InvalidArgumentsError, parseTaskArguments } from '../../../src/core/task/arguments.js'
import { canonicalBytes } from '../../../src/core/task/canonicalForm.js'
import { argsHashOf } from '../../../src/protocol/argsHash.js'
import { encryptionKeyFromSecret } from '../../../src/protocol/encryptionKey.js'
import { open, sealArguments } from '../../../src/protocol/envelope.js'
import { executeTask, type WorkDue, workDue } from '../../../src/roles/node/executeTask.js'

const NODE = encryptionKeyFromSecret(new Uint8Array(randomBytes(32)))
const CREATOR = encryptionKeyFromSecret(new Uint8Array(randomBytes(32)))
const SALT = new Uint8Array(randomBytes(32))
const PICTURE = new TextEncoder().encode('a picture')
const SCORE: Hex = '0x0123456789abcdef'

const argumentsOf = (more: object = {}) => ({
  base_model: 'embedded:tiny-shapes',
  prompt: 'a star',
  task_config: { num_images: 1, ...more },
})

/** What the creator committed to on chain, and what the relay hands out. */
async function scene({
  committed = canonicalBytes(argumentsOf()),
  handedOut = committed,
  to = NODE.publicKey,
  imageCount = 1,
  resultRecipient = CREATOR.publicKey,
}: {
  committed?: Uint8Array
  handedOut?: Uint8Array | null
  to?: Hex
  imageCount?: number
  resultRecipient?: Hex
} = {}) {
  const envelope = (bytes: Uint8Array) => ({
    salt: SALT,
    canonicalArguments: bytes,
    resultRecipient,
  })
  const task: ChainTask = {
    id: `0x${'ab'.repeat(32)}`,
    state: 'started',
    abortReason: null,
    kind: 'image',
    imageCount,
    creator: `0x${'01'.repeat(20)}`,
    relay: `0x${'02'.repeat(20)}`,
    argsHash: argsHashOf(envelope(committed)),
    gpuModel: `0x${'00'.repeat(32)}`,
    minVramGb: 0,
    executionTimeoutSeconds: 100,
    feeWei: 1n,
    drawBlock: 1,
    commitDeadline: 1_000,
    revealDeadline: 0,
    uploadDeadline: 0,
    uploader: null,
    resultDigest: null,
    redelivery: false,
    slots: [],
  }
  const sealed = handedOut && (await sealArguments(envelope(handedOut), [to]))
  return { task, sealed }
}

function engineThat(run: InferenceEngine['run']): InferenceEngine {
  return { run, close: async () => {} }
}

const ME = `0x${'11'.repeat(20)}` as const

const RESULT = {
  files: [{ name: '0.png', bytes: PICTURE, mediaType: 'image/png' }],
  score: SCORE,
  timings: {},
  environment: {},
} as unknown as InferenceResult

/** Time passes only where the node waits: 30 seconds each time. */
async function work(
  { task, sealed }: Awaited<ReturnType<typeof scene>>,
  engine = engineThat(async () => RESULT),
  { from = 900, due }: { from?: number; due?: WorkDue } = {},
) {
  let now = from
  let asked = 0
  const done = await executeTask(
    {
      engine,
      openRelay: async () => ({
        getArguments: async () => {
          asked++
          return sealed
        },
      }),
      identity: NODE.identity,
      logger: silentLogger,
      chainTime: async () => now,
      idle: async () => {
        now += 30
      },
    },
    { task, signal: new AbortController().signal, ...(due ? { due } : {}) },
  )
  return { ...done, asked, gaveUpAt: now }
}

describe('the work of a node', () => {
  it('seals the result to the creator alone', async () => {
    const done = await work(await scene())
    expect(done).toMatchObject({ outcome: 0, score: SCORE })
    expect(await open(done.sealedFiles[0] as Uint8Array, CREATOR.identity)).toEqual(PICTURE)
    await expect(open(done.sealedFiles[0] as Uint8Array, NODE.identity)).rejects.toThrow('cannot be opened')
  })

  it('computes exactly the arguments that were sealed', async () => {
    let seen: unknown
    const engine = engineThat(async (task) => {
      seen = task
      return RESULT
    })
    await work(await scene({ committed: canonicalBytes(argumentsOf({ seed: 7 })) }), engine)
    expect(seen).toEqual(parseTaskArguments(argumentsOf({ seed: 7 })))
  })

  it.each([
    ['no arguments come', { handedOut: null }],
    ['they are sealed to somebody else', { to: CREATOR.publicKey }],
    ['they are not those on chain', { handedOut: canonicalBytes(argumentsOf({ seed: 9 })) }],
  ])('reports them as unavailable, after asking until little time is left, when %s', async (_name, options) => {
    const done = await work(await scene(options))
    expect(done).toMatchObject({ outcome: 2, score: '0x', sealedFiles: [] })
    // From 900 to 20 seconds before the deadline at 1000, every 30 seconds.
    expect(done.asked).toBe(4)
  })

  it.each([
    ['started just now', { timeout: 7_200, from: 2_800 }, { asked: 5, gaveUpAt: 2_920 }],
    ['started a minute ago', { timeout: 7_200, from: 2_860 }, { asked: 3, gaveUpAt: 2_920 }],
    ['started an hour ago, before a restart', { timeout: 7_200, from: 6_400 }, { asked: 2, gaveUpAt: 6_430 }],
    ['has all but no time left', { timeout: 7_200, from: 8_560 }, { asked: 1, gaveUpAt: 8_560 }],
    ['has little more than two minutes', { timeout: 140, from: 9_860 }, { asked: 5, gaveUpAt: 9_980 }],
    ['has a short one', { timeout: 100, from: 9_900 }, { asked: 4, gaveUpAt: 9_990 }],
  ])(
    'waits two minutes for arguments that never come, when the task %s',
    async (_name, { timeout, from }, expected) => {
      const { task, sealed } = await scene({ handedOut: null })
      const told = { ...task, executionTimeoutSeconds: timeout, commitDeadline: 10_000 }
      expect(await work({ task: told, sealed }, undefined, { from })).toMatchObject({ outcome: 2, ...expected })
    },
  )

  it('asks for arguments until little time is left when it does the work again for the reveal', async () => {
    const { task, sealed } = await scene({ handedOut: null })
    const revealing = { ...task, state: 'revealing' as const, commitDeadline: 0, revealDeadline: 1_000 }
    const due = workDue(revealing, ME, 600)
    expect(await work({ task: revealing, sealed }, undefined, { from: 700, due })).toMatchObject({
      outcome: 2,
      gaveUpAt: 880,
    })
  })

  it('has until the reveals end when it does the work again after the commit deadline, before anybody has revealed', async () => {
    const { task, sealed } = await scene()
    const slot = { node: ME, committed: true, revealed: false, outcome: 0, score: '0x' as Hex }
    const committed = { ...task, slots: [slot] } as unknown as typeof task
    const limits: (number | undefined)[] = []
    const engine = engineThat(async (_task, { timeoutMs }) => {
      limits.push(timeoutMs)
      return RESULT
    })
    const from = task.commitDeadline + 10
    await work({ task: committed, sealed }, engine, { from, due: workDue(committed, ME, 300) })
    expect(limits).toEqual([(300 - 10 - 30) * 1_000])
    expect(
      workDue({ ...committed, slots: [{ ...slot, committed: false }] } as unknown as typeof task, ME, 300),
    ).toEqual({
      at: task.commitDeadline,
      spanSeconds: task.executionTimeoutSeconds,
      recovers: false,
    })
  })

  it.each([
    ['are no JSON', { committed: new TextEncoder().encode('hello') }],
    ['break the schema', { committed: canonicalBytes({ ...argumentsOf(), color: 'red' }) }],
    ['are of a text task', { committed: canonicalBytes({ model: 'm', messages: [{ role: 'user', content: 'hi' }] }) }],
    ['name a key to which nothing can be sealed', { resultRecipient: `0x${'00'.repeat(32)}` as Hex }],
    ['ask for another number of pictures than was paid for', { imageCount: 2 }],
  ])('reports invalid arguments when those on chain %s', async (_name, options) => {
    expect(await work(await scene(options))).toMatchObject({ outcome: 1, score: '0x' })
  })

  it('takes the engine at its word that arguments are invalid', async () => {
    const engine = engineThat(async () => {
      throw new InvalidArgumentsError('beta_start is 2', { remedy: 'Use less.' })
    })
    expect(await work(await scene(), engine)).toMatchObject({ outcome: 1 })
  })

  it.each([
    [
      'takes the call and never answers',
      async () => ({
        getArguments: (_taskId: Hex, { signal }: { signal?: AbortSignal } = {}) =>
          new Promise<null>((_resolve, reject) => {
            signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
          }),
      }),
    ],
    [
      'is on no list',
      async () => {
        throw new Error('unknown relay')
      },
    ],
  ])('reports arguments as unavailable in time when the relay %s', async (_name, openRelay) => {
    const { task } = await scene()
    // The node begins with one second left, and has none after the first question.
    const times = [979, 979, 980]
    const done = await executeTask(
      {
        engine: engineThat(async () => RESULT),
        openRelay,
        identity: NODE.identity,
        logger: silentLogger,
        chainTime: async () => times.shift() ?? 980,
        idle: async () => {},
      },
      { task, signal: new AbortController().signal },
    )
    expect(done).toMatchObject({ outcome: 2, score: '0x' })
  })

  it('never blames the arguments for what goes wrong here', async () => {
    const engine = engineThat(async () => {
      throw new RangeError('out of memory')
    })
    expect(await work(await scene(), engine)).toMatchObject({ outcome: 3, score: '0x' })
  })

  it('stops at once when the node stops', async () => {
    const { task, sealed } = await scene()
    const stop = new AbortController()
    const engine = engineThat(async () => {
      stop.abort(new Error('stopped'))
      throw new Error('killed')
    })
    const dependencies = {
      engine,
      openRelay: async () => ({ getArguments: async () => sealed }),
      identity: NODE.identity,
      logger: silentLogger,
      chainTime: async () => 900,
      idle: async () => {},
    }
    await expect(executeTask(dependencies, { task, signal: stop.signal })).rejects.toThrow('killed')
  })
})
