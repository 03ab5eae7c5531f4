import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Address, Hex } from '../../src/base/hex.js'
import { parseCnx } from '../../src/base/units.js'
import { readNodes } from '../../src/chain/read/nodes.js'
import { readTask } from '../../src/chain/read/task.js'
import { taskIdOf } from '../../src/protocol/taskId.js'
import { taskKeyOf } from '../../src/roles/app/prepareTask.js'
import type { NodeReport, SubmitResult } from '../../src/roles/app/taskReport.js'
import { runCrynux } from '../helpers/crynuxProcess.js'
import { dataOf, type TestDevnet, withDevnet } from '../helpers/devnet.js'
import { processesUsing } from '../helpers/processesUsing.js'
import { until } from '../helpers/until.js'

const SUBMIT = ['task', 'submit', '--prompt', 'a big red circle on a blue background', '--out', 'picture.png', '--json']

const taskIdIn = (devnet: TestDevnet, key: string): Hex =>
  taskIdOf({ creator: devnet.description().app.address, taskKey: taskKeyOf(key) })

const HALF_OF_THE_FEE = parseCnx('15').toString()

/** The cheat's part in a task, and the other two. */
function partsOf(task: SubmitResult, nodes: readonly { address: Address; fault: string | null }[]) {
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()
  const cheat = nodes.find(({ fault }) => fault !== null)?.address ?? '0x'
  const isCheat = ({ address }: { address: Address }) => same(address, cheat)
  return { isCheat, cheat: task.nodes.find(isCheat), honest: task.nodes.filter((node) => !isCheat(node)) }
}

const agreedAndPaid = ({ agrees, paidWei }: NodeReport) => agrees && paidWei === HALF_OF_THE_FEE

describe('a network with one cheat among four nodes', () => {
  it('takes the whole stake of a node that reports a wrong result, and pays the honest ones', async () => {
    const root = mkdtempSync(join(tmpdir(), 'crynux-e2e-cheat-'))
    const temporary = mkdtempSync(join(root, 'tmp-'))
    try {
      const script = `set -e
crynux task submit --prompt "a big red circle on a blue background" --out "$OUT/picture.png" --json > "$OUT/task.json"
crynux stats nodes --json > "$OUT/nodes.json"
crynux stats network --json > "$OUT/network.json"
cp "$CRYNUX_DEVNET" "$OUT/devnet.json"`
      writeFileSync(join(root, 'drill.sh'), script)
      const { status, stderr } = await runCrynux(
        ['devnet', 'run', '--bytecode', '--nodes', '4', '--fault', '3=wrong-result', '--', 'sh', 'drill.sh'],
        { cwd: root, environment: { TMPDIR: temporary, OUT: root } },
      )
      expect({ status, stderr }).toEqual({ status: 0, stderr: expect.any(String) })

      const read = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8'))
      const task = read('task.json').data as SubmitResult
      const { nodes } = read('devnet.json') as { nodes: { address: Address; fault: string | null }[] }
      const { cheat, honest, isCheat } = partsOf(task, nodes)
      expect(task.state).toBe('completed')
      expect(honest.every(agreedAndPaid)).toBe(true)
      expect(cheat).toMatchObject({ outcome: 'result', agrees: false, paidWei: '0' })

      const stake = parseCnx('400').toString()
      const statistics = read('nodes.json').data.nodes as { address: Address; slashes: number; slashedWei: string }[]
      expect(statistics.find(isCheat)).toMatchObject({ status: 'none', stakeWei: '0', slashes: 1, slashedWei: stake })
      for (const node of statistics.filter((each) => !isCheat(each))) {
        expect(node).toMatchObject({ slashes: 0, penalties: 0, stakeWei: stake })
      }
      expect(read('network.json').data.incentivePoolWei).toBe(stake)

      expect(readdirSync(temporary)).toEqual([])
      expect(processesUsing(root)).toEqual([])
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  }, 180_000)

  const penalised = async ({ chain }: TestDevnet, isCheat: (node: { address: Address }) => boolean) =>
    (await readNodes(chain)).find(isCheat)

  it(
    'penalises a node that is silent, and does without it',
    () =>
      withDevnet(['--bytecode', '--nodes', '4', '--fault', '3=silent'], async (devnet) => {
        const submitted = devnet.start([...SUBMIT, '--key', 'silence'])
        const now = () => readTask(devnet.chain, { taskId: taskIdIn(devnet, 'silence') })
        const committed = async () => (await now())?.slots.filter((slot) => slot.committed).length === 2
        await until(committed, { timeoutMs: 90_000, what: 'the two honest nodes to commit' })
        await devnet.passTime((await now())?.commitDeadline ?? 0)
        const task = dataOf<SubmitResult>(await submitted.finished)
        const { cheat, honest, isCheat } = partsOf(task, devnet.nodes)
        expect(task.state).toBe('completed')
        expect(honest.every(agreedAndPaid)).toBe(true)
        expect(cheat).toMatchObject({ outcome: 'silent', score: null, paidWei: '0' })
        expect(await penalised(devnet, isCheat)).toMatchObject({
          slashes: 0,
          penalties: 1,
          penaltiesWei: parseCnx('8'),
          stakeWei: parseCnx('392'),
        })
      }),
    180_000,
  )

  it(
    'does not pay a node that copies another’s commitment: its reveal reverts',
    () =>
      withDevnet(['--bytecode', '--nodes', '4', '--fault', '3=copy-commit'], async (devnet) => {
        const submitted = devnet.start([...SUBMIT, '--key', 'copied'])
        const now = () => readTask(devnet.chain, { taskId: taskIdIn(devnet, 'copied') })
        const revealed = async () => (await now())?.slots.filter((slot) => slot.revealed).length === 2
        await until(revealed, { timeoutMs: 90_000, what: 'the two honest nodes to reveal' })
        const copier = devnet.nodes.find(({ fault }) => fault !== null)
        const log = () => readFileSync(join(copier?.folder ?? '', 'node.log'), 'utf8')
        await until(() => log().includes('is not what it committed to'), { what: "the copier's reveal to revert" })
        await devnet.passTime((await now())?.revealDeadline ?? 0)
        const task = dataOf<SubmitResult>(await submitted.finished)
        const { cheat, honest, isCheat } = partsOf(task, devnet.nodes)
        expect(task.state).toBe('completed')
        expect(honest.every(agreedAndPaid)).toBe(true)
        expect(cheat).toMatchObject({ outcome: 'silent', score: null, paidWei: '0' })
        expect(await penalised(devnet, isCheat)).toMatchObject({ slashes: 0, penalties: 1 })
      }),
    180_000,
  )
})
