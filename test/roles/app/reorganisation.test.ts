import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Address, bytesToHex, type Hex } from '../../../src/base/hex.js'
import { readTask } from '../../../src/chain/read/task.js'
import { perceptualHashOfFile } from '../../../src/core/phash/perceptualHashOfFile.js'
import { OUTCOME } from '../../../src/protocol/outcome.js'
import { taskIdOf } from '../../../src/protocol/taskId.js'
import { wereArgumentsSent } from '../../../src/roles/app/followTask.js'
import { taskKeyOf } from '../../../src/roles/app/prepareTask.js'
import { submitTask } from '../../../src/roles/app/submitTask.js'
import { FEE_WEI, startTestApp, type TestApp } from './testApp.js'

/** Replaces all blocks after `block` by empty ones and forgets what they held: only its senders can bring it back. */
async function reorganise({ anvil, network }: TestApp, block: bigint): Promise<void> {
  const depth = Number((await network.reader.client.getBlockNumber({ cacheTime: 0 })) - block)
  await anvil.request('anvil_reorg', [depth, []])
  await anvil.request('anvil_dropAllTransactions', [])
}

const drawnNodes = async ({ network }: TestApp, taskId: Hex): Promise<Address[]> =>
  ((await readTask(network.reader, { taskId }))?.slots ?? []).map(({ node }) => node)

describe('what the journal says of sent arguments', () => {
  const slot = { committed: false, revealed: false, outcome: OUTCOME.result, commitment: '0x', score: '0x' } as const
  const nodes: Address[] = [`0x${'1'.repeat(40)}`, `0x${'2'.repeat(40)}`, `0x${'3'.repeat(40)}`]
  const task = { slots: nodes.map((node) => ({ ...slot, node })), commitDeadline: 1_000 }

  it.each([
    ['of this draw', { argumentsSent: true, argumentsSentFor: { nodes, commitDeadline: 1_000 } }, true],
    [
      'of a draw of others',
      { argumentsSent: true, argumentsSentFor: { nodes: nodes.slice(1), commitDeadline: 1_000 } },
      false,
    ],
    ['of a draw in another block', { argumentsSent: true, argumentsSentFor: { nodes, commitDeadline: 999 } }, false],
    ['before draws were told apart', { argumentsSent: true }, true],
    ['not yet', { argumentsSent: false }, false],
  ])('counts: %s', (_name, entry, sent) => {
    expect(wereArgumentsSent(entry, task)).toBe(sent)
  })
})

describe('a reorganisation after the arguments were sent', () => {
  it.each([
    ['that takes back the creation: other nodes are drawn', 'created', 10],
    ['that takes back the start: the same nodes are drawn', 'started', 3],
  ] as const)('%s, and get the arguments', async (_name, since, nodes) => {
    const app = await startTestApp({ nodes })
    try {
      const application = await app.application()
      const beforeWei = await application.wealthWei()
      const taskId = taskIdOf({ creator: application.wallet.address, taskKey: taskKeyOf('moved') })
      const { client } = app.network.reader
      let lastBlockToKeep = await client.getBlockNumber({ cacheTime: 0 })
      let start: Hex = '0x'
      let sent = () => {}
      const argumentsSent = () =>
        new Promise<void>((resolve) => {
          sent = resolve
        })
      const first = argumentsSent()
      const dependencies = await application.dependencies({
        onProgress: (event) => {
          if (event.at === 'transaction' && event.what === 'start') start = event.hash
          if (event.at === 'argumentsSent') sent()
        },
      })
      const submitted = submitTask(dependencies, application.submission('moved'))
      await Promise.race([first, submitted])
      await app.pauseMining()
      const drawn = await drawnNodes(app, taskId)
      if (since === 'started') {
        lastBlockToKeep = (await client.getTransactionReceipt({ hash: start })).blockNumber - 1n
      }
      const second = argumentsSent()
      await reorganise(app, lastBlockToKeep)
      expect(await drawnNodes(app, taskId)).toEqual([])
      app.resumeMining()
      await Promise.race([second, submitted])
      const drawnAnew = await drawnNodes(app, taskId)
      expect(drawnAnew).toHaveLength(3)
      // That the same three of ten are drawn again happens once in 120 times.
      expect([...drawnAnew].sort().join() === [...drawn].sort().join()).toBe(since === 'started')

      app.play(application.wallet.address, 'moved')
      const result = await submitted
      expect(result).toMatchObject({ taskId, state: 'completed' })
      expect(result.nodes.map(({ address }) => address)).toEqual(drawnAnew)
      const picture = await readFile(join(application.folder, 'moved.png'))
      expect(bytesToHex(await perceptualHashOfFile(picture))).toBe(result.score)
      expect(beforeWei - (await application.wealthWei())).toBe(FEE_WEI)
    } finally {
      await app.stop()
    }
  })
})
