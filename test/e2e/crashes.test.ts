import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Hex } from '../../src/base/hex.js'
import { parseCnx } from '../../src/base/units.js'
import { readLedgerBalance } from '../../src/chain/read/ledgerBalance.js'
import { readTask } from '../../src/chain/read/task.js'
import { readTokenBalance } from '../../src/chain/read/tokenBalance.js'
import { taskIdOf } from '../../src/protocol/taskId.js'
import { taskKeyOf } from '../../src/roles/app/prepareTask.js'
import type { SubmitResult } from '../../src/roles/app/taskReport.js'
import { startCrynux } from '../helpers/crynuxProcess.js'
import { dataOf, type TestDevnet, withDevnet } from '../helpers/devnet.js'
import { isAlive } from '../helpers/isAlive.js'
import { pictureStatistics } from '../helpers/pictureStatistics.js'
import { processesUsing } from '../helpers/processesUsing.js'
import { until } from '../helpers/until.js'

const SUBMIT = ['task', 'submit', '--prompt', 'a big red circle on a blue background', '--out', 'picture.png', '--json']

const taskIdIn = (devnet: TestDevnet, key: string): Hex =>
  taskIdOf({ creator: devnet.description().app.address, taskKey: taskKeyOf(key) })

describe('kill -9', () => {
  it.each([
    ['', []],
    [', its journals lost too', ['tasks.journal', 'progress.journal', 'tasks']],
  ])(
    'of a node between commit and reveal%s: restarted, it reveals the same score and is paid',
    (_name, lost) =>
      // The silent node keeps the reveals closed until the commit deadline, so that there is a between.
      withDevnet(['--bytecode', '--fault', '3=silent'], async (devnet) => {
        const submitted = devnet.start([...SUBMIT, '--key', 'crash'])
        const taskId = taskIdIn(devnet, 'crash')
        const slots = async () => (await readTask(devnet.chain, { taskId }))?.slots ?? []
        const committed = async () => (await slots()).filter((slot) => slot.committed)
        await until(async () => (await committed()).length === 2, { timeoutMs: 90_000, what: 'two commitments' })
        const [victim] = devnet.nodes
        if (!victim) throw new Error('there is no node 1')
        const slotOf = async () =>
          (await slots()).find(({ node }) => node.toLowerCase() === victim.address.toLowerCase())
        expect(await slotOf()).toMatchObject({ committed: true, revealed: false })

        process.kill(victim.pid, 'SIGKILL')
        await until(() => !isAlive(victim.pid))
        for (const name of lost) rmSync(join(victim.environment.CRYNUX_DATA_DIR ?? '', name), { recursive: true })
        const restarted = devnet.start(['node', 'start'], victim.environment)
        await until(() => restarted.output().stderr.includes('is in the draw'), { timeoutMs: 60_000 })
        expect(await slotOf()).toMatchObject({ committed: true, revealed: false })
        await devnet.passTime((await readTask(devnet.chain, { taskId }))?.commitDeadline ?? 0)

        const task = dataOf<SubmitResult>(await submitted.finished)
        expect(task.state).toBe('completed')
        const report = task.nodes.find(({ address }) => address.toLowerCase() === victim.address.toLowerCase())
        expect(report).toMatchObject({ outcome: 'result', agrees: true, paidWei: parseCnx('15').toString() })
        expect(report?.score).toBe(task.score)
        restarted.process.kill('SIGTERM')
        await restarted.finished
      }),
    180_000,
  )

  it(
    'of task submit after it has paid: run again with the same key, it pays nothing and delivers',
    () =>
      withDevnet(['--bytecode'], async (devnet) => {
        const { address } = devnet.description().app
        const wealth = async () =>
          (await readTokenBalance(devnet.chain, { account: address })) +
          (await readLedgerBalance(devnet.chain, { account: address }))
        const before = await wealth()
        const taskId = taskIdIn(devnet, 'once')
        const killed = devnet.start([...SUBMIT, '--key', 'once'])
        await until(() => readTask(devnet.chain, { taskId }), { timeoutMs: 90_000, what: 'the task to be paid' })
        killed.process.kill('SIGKILL')
        expect((await killed.finished).signal).toBe('SIGKILL')
        expect(existsSync(join(devnet.scratch, 'picture.png'))).toBe(false)

        const task = dataOf<SubmitResult>(await devnet.run([...SUBMIT, '--key', 'once']))
        expect(task).toMatchObject({ taskId, state: 'completed', resumed: true })
        expect(before - (await wealth())).toBe(parseCnx('30'))
        const picture = await pictureStatistics(join(devnet.scratch, 'picture.png'))
        expect(picture.share('red').middle).toBeGreaterThan(0.9)

        // And a third time: the same picture, still paid once.
        const again = dataOf<SubmitResult>(await devnet.run([...SUBMIT, '--key', 'once']))
        expect(again).toMatchObject({ taskId, files: task.files })
        expect(before - (await wealth())).toBe(parseCnx('30'))
      }),
    180_000,
  )

  it('of the devnet itself: chain, relay and nodes end, and the folder goes', async () => {
    // Not withDevnet: this one must not end in good order.
    const root = mkdtempSync(join(tmpdir(), 'crynux-e2e-kill-'))
    try {
      const up = startCrynux(['devnet', 'up', '--bytecode', '--json'], { environment: { TMPDIR: root } })
      await until(() => up.output().stdout.includes('\n'), { timeoutMs: 90_000, what: 'the devnet to be up' })
      // The devnet, anvil and its guard, the relay, three nodes.
      expect(processesUsing(root).length).toBeGreaterThanOrEqual(7)
      up.process.kill('SIGKILL')
      await until(() => processesUsing(root).length === 0, { what: 'every process to end' })
      expect(readdirSync(root)).toEqual([])
    } finally {
      for (const pid of processesUsing(root)) process.kill(pid, 'SIGKILL')
      rmSync(root, { recursive: true, force: true })
    }
  }, 120_000)
})
