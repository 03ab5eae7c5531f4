import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as passTime } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CrynuxError } from '../../../src/base/errors.js'
import { bytesToHex } from '../../../src/base/hex.js'
import { readCreatedTasks } from '../../../src/chain/read/createdTasks.js'
import { readNode } from '../../../src/chain/read/node.js'
import { readTask } from '../../../src/chain/read/task.js'
import { advanceTask } from '../../../src/chain/write/advanceTask.js'
import { perceptualHashOfFile } from '../../../src/core/phash/perceptualHashOfFile.js'
import { parseTaskArguments } from '../../../src/core/task/arguments.js'
import { OUTCOME } from '../../../src/protocol/outcome.js'
import { RelayUnreachableError } from '../../../src/relayClient/client.js'
import { cancelQueuedTask } from '../../../src/roles/app/cancelQueuedTask.js'
import { planTask } from '../../../src/roles/app/planTask.js'
import { listTasks, readTaskStatus } from '../../../src/roles/app/readTaskStatus.js'
import { resumeTask, submitTask } from '../../../src/roles/app/submitTask.js'
import type { TaskProgress } from '../../../src/roles/app/taskProgress.js'
import { startDyingRpc } from './dyingRpc.js'
import { FEE_WEI, HONEST, PROMPT, startTestApp, type TestApp, type TestApplication } from './testApp.js'

let app: TestApp

beforeAll(async () => {
  app = await startTestApp()
})

afterAll(async () => {
  await app?.stop()
})

/** The error that a promise rejects with. */
const errorOf = (promise: Promise<unknown>): Promise<CrynuxError> =>
  promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: CrynuxError) => error,
  )

function deferred(): { promise: Promise<void>; resolve(): void } {
  let resolve = () => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** What was paid, how often, and for how many tasks. */
async function spending(application: TestApplication, beforeWei: bigint) {
  const tasks = await readCreatedTasks(app.network.reader, { creator: application.wallet.address })
  return { tasks: tasks.length, paidWei: beforeWei - (await application.wealthWei()) }
}

async function allBytesBelow(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Buffer.concat(await Promise.all(files.map((file) => readFile(file)))).toString('latin1')
}

describe('submitting a task', () => {
  it('pays, verifies the result, writes it, and has the relay forget it', async () => {
    const application = await app.application()
    const beforeWei = await application.wealthWei()
    const taskId = app.play(application.wallet.address, 'whole')
    const events: TaskProgress[] = []
    const dependencies = await application.dependencies({ onProgress: (event) => events.push(event) })
    const result = await submitTask(dependencies, application.submission('whole'))

    const picture = await readFile(join(application.folder, 'whole.png'))
    const score = bytesToHex(await perceptualHashOfFile(picture))
    expect(result).toMatchObject({
      taskId,
      state: 'completed',
      feeWei: FEE_WEI.toString(),
      score,
      resumed: false,
      key: 'whole',
    })
    expect(result.files).toEqual([
      {
        path: join(application.folder, 'whole.png'),
        sha256: createHash('sha256').update(picture).digest('hex'),
        phash: score,
      },
    ])
    expect(result.nodes.map(({ outcome, agrees }) => ({ outcome, agrees }))).toEqual(
      Array(3).fill({ outcome: 'result', agrees: true }),
    )
    expect(result.nodes.reduce((sum, { paidWei }) => sum + BigInt(paidWei), 0n)).toBe(FEE_WEI)
    expect(result.transactions.map(({ what }) => what)).toEqual(['deposit', 'create', 'start'])
    expect(result.deletion?.signature).toMatch(/^0x[0-9a-f]{130}$/)
    expect(await spending(application, beforeWei)).toEqual({ tasks: 1, paidWei: FEE_WEI })
    expect(events.map(({ at }) => at)).toEqual(
      expect.arrayContaining([
        'prepared',
        'drawn',
        'argumentsSent',
        'completed',
        'verified',
        'written',
        'acknowledged',
      ]),
    )

    // Nobody but the nodes learns the prompt: not the disk, not who watches, not who reads the result.
    const told = JSON.stringify([events, result], (_name, value: unknown) =>
      typeof value === 'bigint' ? `${value}` : value,
    )
    expect(told).not.toContain(PROMPT)
    expect(await allBytesBelow(join(application.folder, 'data'))).not.toContain(PROMPT)
  })

  it('answers a rerun from the files, for nothing, also at another place', async () => {
    const application = await app.application()
    app.play(application.wallet.address, 'again')
    const first = await submitTask(await application.dependencies(), application.submission('again'))
    const beforeWei = await application.wealthWei()
    const second = await submitTask(await application.dependencies(), application.submission('again'))
    expect(second).toMatchObject({ files: first.files, state: 'completed', resumed: true })
    const elsewhere = join(application.folder, 'elsewhere.png')
    const third = await submitTask(
      await application.dependencies(),
      application.submission('again', { out: { path: elsewhere, force: false } }),
    )
    expect(third.files[0]).toEqual({ ...first.files[0], path: elsewhere })
    expect(await spending(application, beforeWei)).toEqual({ tasks: 1, paidWei: 0n })

    await writeFile(elsewhere, 'something else')
    const error = await errorOf(submitTask(await application.dependencies(), application.submission('again')))
    expect(error).toMatchObject({ code: 'CRYNUX_RESULT_FORGOTTEN', exitCode: 6 })
    expect(error.message).toContain(elsewhere)
  })

  it('continues detached tasks without their arguments', async () => {
    const application = await app.application()
    const taskId = app.play(application.wallet.address, 'detached')
    const detached = await submitTask(
      await application.dependencies(),
      application.submission('detached', { detach: true }),
    )
    expect(detached.files).toEqual([])
    expect(detached.nodes).toHaveLength(3)
    const result = await resumeTask(await application.dependencies(), { taskId, queueTimeoutMs: 20_000 })
    expect(result.files.map(({ path }) => path)).toEqual([join(application.folder, 'detached.png')])
    expect(await readTaskStatus(app.network.reader, { taskId })).toMatchObject({ state: 'completed', kind: 'image' })
    expect(await listTasks(app.network.reader, { creator: application.wallet.address, limit: 5 })).toMatchObject([
      { taskId, state: 'completed', key: null },
    ])
    const [listed] = await listTasks(app.network.reader, {
      creator: application.wallet.address,
      limit: 5,
      dataFolder: join(application.folder, 'data'),
    })
    expect(listed?.key).toBe('detached')
    expect(listed?.createdAt).toBeGreaterThan(1_700_000_000)
  })

  it('runs two tasks of one wallet at the same time, the second when nodes are free again', async () => {
    const application = await app.application()
    const beforeWei = await application.wealthWei()
    const keys = ['left', 'right']
    const results = await Promise.all(
      keys.map(async (key) => {
        app.play(application.wallet.address, key)
        return submitTask(await application.dependencies(), application.submission(key))
      }),
    )
    expect(results.map(({ state, key }) => ({ state, key }))).toEqual(keys.map((key) => ({ state: 'completed', key })))
    expect(await spending(application, beforeWei)).toEqual({ tasks: 2, paidWei: 2n * FEE_WEI })
  })

  it.each(['other picture', 'other key'] as const)(
    'has a faulty upload (%s) proven and replaced, and its uploader slashed',
    async (firstUpload) => {
      const own = await startTestApp({ nodes: 4 })
      try {
        const application = await own.application()
        const taskId = own.play(application.wallet.address, 'faulty', { ...HONEST, firstUpload })
        const events: TaskProgress[] = []
        const dependencies = await application.dependencies({ onProgress: (event) => events.push(event) })
        const result = await submitTask(dependencies, application.submission('faulty'))
        const accused = events.find((event) => event.at === 'uploadFaulty')
        if (accused?.at !== 'uploadFaulty' || !accused.uploader) throw new Error('no fault was seen')
        expect(result.uploader).not.toBe(accused.uploader)
        expect(result.nodes.filter(({ slashed }) => slashed).map(({ address }) => address)).toEqual([accused.uploader])
        expect(await readNode(own.network.reader, { node: accused.uploader })).toMatchObject({
          status: 'none',
          stakeWei: 0n,
        })
        const picture = await readFile(join(application.folder, 'faulty.png'))
        expect(bytesToHex(await perceptualHashOfFile(picture))).toBe(result.score)
        expect(await readTask(own.network.reader, { taskId })).toMatchObject({ state: 'completed', redelivery: false })
      } finally {
        await own.stop()
      }
    },
  )

  it('tells why a task was aborted, and what came back', async () => {
    const application = await app.application()
    const script = { ...HONEST, outcomeOf: () => OUTCOME.modelUnavailable }
    app.play(application.wallet.address, 'no model', script)
    const beforeWei = await application.wealthWei()
    const submission = application.submission('no model')
    const error = await errorOf(submitTask(await application.dependencies(), submission))
    expect(error).toMatchObject({
      code: 'CRYNUX_TASK_ABORTED',
      exitCode: 8,
      details: { reason: 'modelUnavailable', feeWei: FEE_WEI.toString(), refundWei: ((FEE_WEI * 8n) / 10n).toString() },
    })
    expect(await spending(application, beforeWei)).toEqual({ tasks: 1, paidWei: (FEE_WEI * 2n) / 10n })
    // Again: the same answer, nothing paid.
    expect(await errorOf(submitTask(await application.dependencies(), submission))).toMatchObject({ exitCode: 8 })
    expect(await spending(application, beforeWei)).toEqual({ tasks: 1, paidWei: (FEE_WEI * 2n) / 10n })
  })
})

describe('a relay that is restarted', () => {
  it('in the middle of a task is waited for: the task is paid', async () => {
    const application = await app.application()
    const dependencies = await application.dependencies()
    app.play(application.wallet.address, 'restarted')
    const failed = { put: 0, list: 0 }
    const result = await submitTask(
      {
        ...dependencies,
        openRelay: (url) => {
          const relay = dependencies.openRelay(url)
          const gone = new RelayUnreachableError('the relay cannot be reached', { remedy: 'Wait.' })
          return {
            ...relay,
            putArguments: (...all) => (failed.put++ < 1 ? Promise.reject(gone) : relay.putArguments(...all)),
            listResults: (...all) =>
              failed.put > 1 && failed.list++ < 2 ? Promise.reject(gone) : relay.listResults(...all),
          }
        },
      },
      application.submission('restarted'),
    )
    expect(result).toMatchObject({ state: 'completed', resumed: false })
    expect(failed).toEqual({ put: 2, list: 3 })
  })
})

describe('a process that dies', () => {
  const moments: [name: string, isMoment: (event: TaskProgress) => boolean][] = [
    ['when the task is prepared', ({ at }) => at === 'prepared'],
    ['after the deposit', (event) => event.at === 'transaction' && event.what === 'deposit'],
    ['after the creation', (event) => event.at === 'transaction' && event.what === 'create'],
    ['after the start', (event) => event.at === 'transaction' && event.what === 'start'],
    ['when nodes are drawn', ({ at }) => at === 'drawn'],
    ['when the arguments are sent', ({ at }) => at === 'argumentsSent'],
    ['when nodes have committed', ({ at }) => at === 'committed'],
    ['when nodes have revealed', ({ at }) => at === 'revealed'],
    ['when the upload is reported', ({ at }) => at === 'completed'],
    ['when the files are verified', ({ at }) => at === 'verified'],
    ['when the files are written', ({ at }) => at === 'written'],
    ['when the relay has deleted everything', ({ at }) => at === 'acknowledged'],
  ]

  it.each(moments)('%s, is continued by a rerun and pays once', async (name, isMoment) => {
    const application = await app.application()
    const key = name.replaceAll(' ', '-')
    app.play(application.wallet.address, key)
    const beforeWei = await application.wealthWei()
    const onProgress = (event: TaskProgress) => {
      if (isMoment(event)) throw new Error('killed')
    }
    const dying = await application.dependencies({ onProgress })
    expect((await errorOf(submitTask(dying, application.submission(key)))).message).toBe('killed')
    const result = await submitTask(await application.dependencies(), application.submission(key))
    expect(result).toMatchObject({ state: 'completed', key })
    const picture = await readFile(join(application.folder, `${key}.png`))
    expect(bytesToHex(await perceptualHashOfFile(picture))).toBe(result.score)
    expect(await spending(application, beforeWei)).toEqual({ tasks: 1, paidWei: FEE_WEI })
  })

  it.each([
    ['deposit', 1],
    ['creation', 2],
    ['start', 3],
  ] as const)('right after sending the %s, waits for it instead of sending it again', async (name, dies) => {
    const application = await app.application()
    const key = `sent-${name}`
    app.play(application.wallet.address, key)
    const beforeWei = await application.wealthWei()
    const dying = new AbortController()
    const rpc = await startDyingRpc(app.anvil.rpcUrl, {
      afterTransactions: dies,
      onDeath: async () => {
        await app.pauseMining()
        dying.abort(new Error('killed'))
      },
    })
    try {
      const dependencies = await application.dependencies({ rpcUrl: rpc.url, signal: dying.signal })
      expect((await errorOf(submitTask(dependencies, application.submission(key)))).message).toBe('killed')
      // The transaction is in no block yet when the rerun looks.
      const waiting = deferred()
      const onProgress = (event: TaskProgress) => {
        if (event.at === 'pendingTransactions') waiting.resolve()
      }
      const rerun = submitTask(await application.dependencies({ onProgress }), application.submission(key))
      await Promise.race([waiting.promise, rerun])
      app.resumeMining()
      expect(await rerun).toMatchObject({ state: 'completed', resumed: name === 'start' })
      expect(await spending(application, beforeWei)).toEqual({ tasks: 1, paidWei: FEE_WEI })
      // deposit, create, start; none twice.
      expect(await app.network.reader.client.getTransactionCount({ address: application.wallet.address })).toBe(3)
    } finally {
      app.resumeMining()
      await rpc.close()
    }
  })
})

describe('what is refused before anything is paid', () => {
  const refused = async (
    change: Parameters<TestApplication['submission']>[1],
    { cnx = '100', key = 'refused' }: { cnx?: string; key?: string } = {},
  ) => {
    const application = await app.application({ cnx })
    const beforeWei = await application.wealthWei()
    const error = await errorOf(submitTask(await application.dependencies(), application.submission(key, change)))
    expect(await spending(application, beforeWei)).toEqual({ tasks: 0, paidWei: 0n })
    expect(await app.network.reader.client.getTransactionCount({ address: application.wallet.address })).toBe(0)
    expect(error.remedy).not.toBe('')
    expect(error.message).not.toContain('\n')
    return error
  }

  it('a wallet with too little', async () => {
    expect(await refused({}, { cnx: '29' })).toMatchObject({
      code: 'CRYNUX_INSUFFICIENT_TOKENS',
      exitCode: 4,
      message: 'the fee is 30 CNX; 30 CNX of it must come from the wallet, which holds 29',
    })
  })

  it('more memory than any node has', async () => {
    expect(await refused({ minVramGb: 80 })).toMatchObject({ code: 'CRYNUX_NO_NODES', exitCode: 7 })
  })

  it('a timeout that the network does not take', async () => {
    expect(await refused({ executionTimeoutSeconds: 1 })).toMatchObject({ exitCode: 2 })
  })

  it('a fee that the network does not take', async () => {
    expect(await refused({ feeWei: 0n })).toMatchObject({ code: 'CRYNUX_INVALID_INPUT', exitCode: 2 })
  })

  it('a relay that is none of the network', async () => {
    expect(await refused({ relay: 'https://relay.invalid' })).toMatchObject({ code: 'CRYNUX_NO_RELAY', exitCode: 6 })
  })

  it('an empty key', async () => {
    expect(await refused({ key: '' })).toMatchObject({ exitCode: 2 })
  })

  it('a relay that is down', async () => {
    const application = await app.application()
    const beforeWei = await application.wealthWei()
    const { createRelayClient } = await import('../../../src/relayClient/client.js')
    const dependencies = await application.dependencies()
    const closedPort = await startDyingRpc(app.anvil.rpcUrl, { afterTransactions: 1, onDeath: () => {} })
    await closedPort.close()
    const openRelay = () => createRelayClient({ url: closedPort.url, wallet: application.wallet, chainId: 31337 })
    const error = await errorOf(submitTask({ ...dependencies, openRelay }, application.submission('relay down')))
    expect(error).toMatchObject({ code: 'CRYNUX_RELAY_UNREACHABLE', exitCode: 6 })
    expect(await spending(application, beforeWei)).toEqual({ tasks: 0, paidWei: 0n })
  })

  it('files that are already there', async () => {
    const application = await app.application()
    const folder = join(application.folder, 'pictures')
    await mkdir(folder)
    await writeFile(join(folder, '0.png'), 'somebody else’s')
    const submission = application.submission('taken', { out: { path: folder, force: false } })
    const error = await errorOf(submitTask(await application.dependencies(), submission))
    expect(error).toMatchObject({ code: 'CRYNUX_OUT_TARGET', exitCode: 2 })
    expect(await readCreatedTasks(app.network.reader, { creator: application.wallet.address })).toEqual([])
  })

  it('a key that names other arguments', async () => {
    const application = await app.application()
    app.play(application.wallet.address, 'taken')
    await submitTask(await application.dependencies(), application.submission('taken'))
    const beforeWei = await application.wealthWei()
    const task = parseTaskArguments({ base_model: 'embedded:tiny-shapes', prompt: 'another prompt' })
    const error = await errorOf(submitTask(await application.dependencies(), application.submission('taken', { task })))
    expect(error).toMatchObject({ code: 'CRYNUX_KEY_TAKEN', exitCode: 2 })
    expect(error.message).not.toContain('another prompt')
    expect(await spending(application, beforeWei)).toEqual({ tasks: 1, paidWei: 0n })
  })
})

describe('a task that waits for nodes', () => {
  it('is queued when told to wait, times out, and is cancelled with full refund', async () => {
    const application = await app.application()
    const beforeWei = await application.wealthWei()
    const dependencies = await application.dependencies()
    const submission = application.submission('queue', { minVramGb: 80, waitForNodes: true, queueTimeoutMs: 300 })
    const error = await errorOf(submitTask(dependencies, submission))
    expect(error).toMatchObject({ code: 'CRYNUX_QUEUE_TIMEOUT', exitCode: 10, details: { key: 'queue' } })
    expect(await spending(application, beforeWei)).toEqual({ tasks: 1, paidWei: FEE_WEI })
    const { taskId } = await planTask(dependencies, submission)
    expect(await cancelQueuedTask(dependencies, { taskId })).toMatchObject({ refundWei: FEE_WEI.toString() })
    expect(await cancelQueuedTask(dependencies, { taskId })).toMatchObject({ transaction: null })
    expect(await spending(application, beforeWei)).toEqual({ tasks: 1, paidWei: 0n })
    expect(await errorOf(submitTask(dependencies, submission))).toMatchObject({
      exitCode: 8,
      details: { reason: 'cancelled' },
    })
  })

  it('is planned without sending anything', async () => {
    const application = await app.application()
    const plan = await planTask(await application.dependencies(), application.submission('plan'))
    expect(plan).toMatchObject({ feeWei: FEE_WEI, depositWei: FEE_WEI, exists: false, relay: { url: app.relayUrl } })
    expect(
      JSON.stringify({ ...plan, feeWei: '', depositWei: '', ledgerBalanceWei: '', walletBalanceWei: '' }),
    ).not.toContain(PROMPT)
    expect(await readCreatedTasks(app.network.reader, { creator: application.wallet.address })).toEqual([])
  })

  it.each([{ feeWei: 0n }, { executionTimeoutSeconds: 1 }, { executionTimeoutSeconds: 100_000 }])(
    'is not planned with what the network would refuse: %o',
    async (refused) => {
      const application = await app.application()
      const options = { ...application.submission('refused'), ...refused }
      expect(await errorOf(planTask(await application.dependencies(), options))).toMatchObject({ exitCode: 2 })
    },
  )
})

// Last of all: the nodes are out of the draw afterwards, because they were silent.
describe('a relay that hangs', () => {
  it('until the task is over is told as what it led to: nobody got the arguments', async () => {
    const application = await app.application()
    const dependencies = await application.dependencies()
    const error = await errorOf(
      submitTask(
        {
          ...dependencies,
          openRelay: (url) => {
            const relay = dependencies.openRelay(url)
            const putArguments: typeof relay.putArguments = async (taskId, ...rest) => {
              await app.anvil.request('evm_increaseTime', [2 * 3_600])
              const ended = async () => (await readTask(dependencies.chain, { taskId }))?.state === 'aborted'
              while (!(await ended())) {
                await advanceTask(dependencies.chain, { taskId }).catch(() => passTime(50))
              }
              return relay.putArguments(taskId, ...rest)
            }
            return { ...relay, putArguments }
          },
        },
        application.submission('too late'),
      ),
    )
    expect(error).toMatchObject({
      code: 'CRYNUX_TASK_ABORTED',
      exitCode: 8,
      details: { refundWei: FEE_WEI.toString() },
    })
  })
})
