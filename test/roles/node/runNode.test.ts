import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generatePrivateKey } from 'viem/accounts'
import { expect, it } from 'vitest'
import { systemClock } from '../../../src/base/clock.js'
import { silentLogger } from '../../../src/base/logger.js'
import { parseCnx } from '../../../src/base/units.js'
import { readTask } from '../../../src/chain/read/task.js'
import { createTask } from '../../../src/chain/write/createTask.js'
import { deposit } from '../../../src/chain/write/deposit.js'
import { createWallet } from '../../../src/protocol/wallet.js'
import { runNode } from '../../../src/roles/node/runNode.js'
import { deployTestNetwork, startAnvil, testBytes32 } from '../../helpers/anvil.js'
import { until } from '../../helpers/until.js'

const RELAY = `0x${'7'.repeat(40)}` as const

it.each([
  ['on', 'started'],
  ['off', 'queued'],
] as const)(
  'free nodes that are to start queued tasks (%s) leave one that nobody starts %s',
  async (setting, state) => {
    const anvil = await startAnvil()
    const root = await mkdtemp(join(tmpdir(), 'crynux-node-'))
    const stopping = new AbortController()
    try {
      const network = await deployTestNetwork(anvil, { relays: [{ address: RELAY, url: 'https://relay.example' }] })
      let ready = 0
      const running = [1, 2, 3].map(async (number) => {
        const privateKey = generatePrivateKey()
        await runNode(
          {
            chain: await network.writerFor(privateKey),
            wallet: createWallet({ privateKey }),
            engine: { run: () => Promise.reject(new Error('no work')), close: async () => {} },
            dataFolder: join(root, `${number}`),
            clock: systemClock,
            logger: silentLogger,
            openRelay: () => {
              throw new Error('no relay')
            },
            onReady: () => ready++,
          },
          {
            signal: stopping.signal,
            gpuModel: testBytes32(1),
            vramGb: 8,
            startQueuedTasks: setting === 'on',
            drainTimeoutMs: 0,
          },
        )
      })
      await until(async () => ready === 3, { timeoutMs: 30_000, what: 'three nodes' })
      const app = await network.writerFor()
      await deposit(app, { amountWei: parseCnx('30') })
      const { taskId } = await createTask(app, {
        taskKey: testBytes32(1),
        kind: 'image',
        imageCount: 1,
        minVramGb: 8,
        gpuModel: testBytes32(0),
        executionTimeoutSeconds: 3_600,
        relay: RELAY,
        argsHash: testBytes32(1),
        feeWei: parseCnx('30'),
      })
      const stateNow = async () => (await readTask(app, { taskId }))?.state
      for (let block = 0; block < 40 && (await stateNow()) === 'queued'; block++) {
        await anvil.testClient.mine({ blocks: 1 })
        await systemClock.sleep(100, stopping.signal)
      }
      expect(await stateNow()).toBe(state)
      stopping.abort()
      await Promise.all(running)
    } finally {
      stopping.abort()
      await anvil.stop()
      await rm(root, { recursive: true, force: true })
    }
  },
)
