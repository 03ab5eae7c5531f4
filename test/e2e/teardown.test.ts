import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { startCrynux } from '../helpers/crynuxProcess.js'
import { processesUsing } from '../helpers/processesUsing.js'
import { until } from '../helpers/until.js'

let root: string
let temporary: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'crynux-e2e-teardown-'))
  temporary = mkdtempSync(join(root, 'tmp-'))
})
afterEach(() => {
  for (const pid of processesUsing(root)) process.kill(pid, 'SIGKILL')
  rmSync(root, { recursive: true, force: true })
})

const start = (args: readonly string[]) => startCrynux(args, { cwd: root, environment: { TMPDIR: temporary } })
const nothingLeft = () => {
  expect(processesUsing(root)).toEqual([])
  expect(readdirSync(temporary)).toEqual([])
}

it('devnet run gives the command its network and returns its exit status', async () => {
  const check = `
    const { CRYNUX_RPC_URL, CRYNUX_RELAY_URL, CRYNUX_CHAIN_ID, CRYNUX_CONSENSUS } = process.env
    const ask = (method, params) => fetch(CRYNUX_RPC_URL, { method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) }).then((r) => r.json()).then((a) => a.result)
    if (Number(await ask('eth_chainId', [])) !== Number(CRYNUX_CHAIN_ID)) process.exit(1)
    if ((await ask('eth_getCode', [CRYNUX_CONSENSUS, 'latest'])).length < 1000) process.exit(2)
    if ((await fetch(CRYNUX_RELAY_URL + '/readyz')).status !== 200) process.exit(3)
    console.log('the command speaks')
    process.exit(42)`
  const args = ['devnet', 'run', '--bytecode', '--', process.execPath, '--input-type=module', '-e', check]
  const { status, stdout, stderr } = await start(args).finished
  expect({ status, stdout, stderr }).toEqual({ status: 42, stdout: 'the command speaks\n', stderr: expect.any(String) })
  nothingLeft()
}, 120_000)

it('devnet run passes SIGTERM on, and ends as its command did', async () => {
  const run = start(['devnet', 'run', '--bytecode', '--', 'sh', '-c', 'echo running; exec sleep 1000'])
  await until(() => run.output().stdout.includes('running'), { timeoutMs: 90_000 })
  run.process.kill('SIGTERM')
  expect(await run.finished).toMatchObject({ status: 143, signal: null })
  nothingLeft()
}, 120_000)

it('devnet up prints lines for a shell, and Ctrl-C in the middle of the start leaves nothing behind', async () => {
  const up = start(['devnet', 'up', '--bytecode'])
  await until(() => up.output().stderr.includes('contracts deployed'), { timeoutMs: 90_000 })
  up.process.kill('SIGINT')
  expect(await up.finished).toMatchObject({ status: 130, stdout: '' })
  nothingLeft()
}, 120_000)

it('devnet up --keep keeps every folder with its log, for its user only', async () => {
  const kept = join(root, 'kept')
  const up = start(['devnet', 'up', '--bytecode', '--keep', kept])
  await until(() => up.output().stdout.includes('export PATH='), { timeoutMs: 90_000 })
  expect(up.output().stdout).toMatch(/^export CRYNUX_RPC_URL='http:\/\/127\.0\.0\.1:\d+'$/m)
  up.process.kill('SIGINT')
  expect(await up.finished).toMatchObject({ status: 0 })
  for (const file of [
    'chain/anvil.log',
    'relay/relay.log',
    'node-1/node.log',
    'node-3/node.log',
    'app/keystore.json',
  ]) {
    expect(statSync(join(kept, file)).mode & 0o077, file).toBe(0)
  }
  expect(readdirSync(join(kept, 'relay'))).toContain('blobs')
  expect(processesUsing(root)).toEqual([])
}, 120_000)
