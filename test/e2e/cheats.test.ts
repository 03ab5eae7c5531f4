import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Address } from '../../src/base/hex.js'
import { parseCnx } from '../../src/base/units.js'
import type { SubmitResult } from '../../src/roles/app/taskReport.js'
import { runCrynux } from '../helpers/crynuxProcess.js'
import { processesUsing } from '../helpers/processesUsing.js'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'crynux-e2e-cheats-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

type Drill = {
  task: SubmitResult
  nodes: NodeRow[]
  devnet: { nodes: { number: number; address: Address; fault: string | null }[] }
  networkSlashedWei: string
  cheatLog: string
}
type NodeRow = {
  address: Address
  status: string
  stakeWei: string
  penalties: number
  penaltiesWei: string
  slashes: number
  slashedWei: string
  earningsWei: string
}

/** `devnet run --nodes 4 --fault 3=<fault>` around one task and the statistics after it. */
async function drill(fault: string, timeout: string): Promise<Drill> {
  const temporary = mkdtempSync(join(root, 'tmp-'))
  const out = mkdtempSync(join(root, 'out-'))
  const script = join(root, 'drill.sh')
  writeFileSync(
    script,
    `set -e
crynux task submit --prompt "a big red circle on a blue background" --out "${out}/picture.png" --timeout ${timeout} --json > "${out}/task.json"
crynux stats nodes --json > "${out}/nodes.json"
crynux stats network --json > "${out}/network.json"
cp "$CRYNUX_DEVNET" "${out}/devnet.json"
cp "$(dirname "$CRYNUX_DEVNET")/node-3/node.log" "${out}/cheat.log"
`,
  )
  const { status, stderr } = await runCrynux(
    ['devnet', 'run', '--bytecode', '--nodes', '4', '--fault', `3=${fault}`, '--', 'sh', script],
    { cwd: root, environment: { TMPDIR: temporary } },
  )
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.any(String) })
  expect(processesUsing(root)).toEqual([])
  expect(readdirSync(temporary)).toEqual([])
  expect(existsSync(join(out, 'picture.png'))).toBe(true)
  const read = (name: string) => JSON.parse(readFileSync(join(out, name), 'utf8'))
  return {
    task: read('task.json').data,
    nodes: read('nodes.json').data.nodes ?? read('nodes.json').data,
    devnet: read('devnet.json'),
    networkSlashedWei: String(read('network.json').data.incentivePoolWei),
    cheatLog: readFileSync(join(out, 'cheat.log'), 'utf8'),
  }
}

const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()

function parts({ task, nodes, devnet }: Drill) {
  const cheat = devnet.nodes.find(({ fault }) => fault !== null)?.address ?? '0x'
  const rowOf = (address: Address) => nodes.find((row) => same(row.address, address))
  const honest = task.nodes.filter(({ address }) => !same(address, cheat))
  return { cheat: { report: task.nodes.find(({ address }) => same(address, cheat)), row: rowOf(cheat) }, honest, rowOf }
}

describe('a network with one cheat of four nodes', () => {
  it('takes the stake of a node that reports a wrong result', async () => {
    const result = await drill('wrong-result', '60s')
    const { cheat, honest, rowOf } = parts(result)
    expect(result.task.state).toBe('completed')
    expect(honest.map(({ agrees, paidWei }) => ({ agrees, paidWei }))).toEqual(
      Array(2).fill({ agrees: true, paidWei: parseCnx('15').toString() }),
    )
    expect(cheat.report).toMatchObject({ agrees: false, paidWei: '0' })
    expect(cheat.report?.score).toMatch(/^0x[0-9a-f]{16}$/)
    expect(cheat.row).toMatchObject({
      status: 'none',
      stakeWei: '0',
      slashes: 1,
      slashedWei: parseCnx('400').toString(),
    })
    expect(result.networkSlashedWei).toBe(parseCnx('400').toString())
    for (const { address } of honest) expect(rowOf(address)).toMatchObject({ slashes: 0, penalties: 0 })
  }, 120_000)

  it('penalises a node that is silent, and does without it', async () => {
    const result = await drill('silent', '10s')
    const { cheat, honest } = parts(result)
    expect(result.task.state).toBe('completed')
    expect(honest.every(({ agrees, paidWei }) => agrees && paidWei === parseCnx('15').toString())).toBe(true)
    expect(cheat.report).toMatchObject({ outcome: 'silent', score: null, paidWei: '0' })
    expect(cheat.row).toMatchObject({ slashes: 0, penalties: 1, penaltiesWei: parseCnx('8').toString() })
    expect(cheat.row?.stakeWei).toBe(parseCnx('392').toString())
  }, 120_000)

  it('does not pay a node that copies the commitment of another: its reveal reverts', async () => {
    const result = await drill('copy-commit', '10s')
    const { cheat, honest } = parts(result)
    expect(result.task.state).toBe('completed')
    expect(honest.every(({ agrees, paidWei }) => agrees && paidWei === parseCnx('15').toString())).toBe(true)
    expect(cheat.report).toMatchObject({ outcome: 'silent', score: null, paidWei: '0' })
    expect(cheat.row).toMatchObject({ penalties: 1 })
    expect(result.cheatLog).toMatch(/revert/i)
  }, 120_000)
})
