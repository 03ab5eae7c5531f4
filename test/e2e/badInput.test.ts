import { copyFileSync, cpSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { packageRoot } from '../../src/base/packageRoot.js'
import { createKeystore } from '../../src/store/keystore.js'
import { type Finished, runCrynux } from '../helpers/crynuxProcess.js'
import { type TestDevnet, withDevnet } from '../helpers/devnet.js'

type Case = {
  name: string
  args: (devnet: TestDevnet) => string[]
  environment?: (devnet: TestDevnet) => Record<string, string>
  /** docs/cli.md */
  status: number
  message: RegExp
}

const SUBMIT = ['task', 'submit', '--out', 'picture.png']
const GOOD = [...SUBMIT, '--prompt', 'a red circle']

const fileWith = ({ scratch }: TestDevnet, name: string, value: unknown): string => {
  const path = join(scratch, name)
  writeFileSync(path, JSON.stringify(value))
  return path
}

const CASES: Case[] = [
  {
    name: 'an unknown field',
    args: (devnet) => [
      ...[...SUBMIT, '--arguments'],
      fileWith(devnet, 'unknown.json', {
        base_model: 'embedded:tiny-shapes',
        prompt: 'a star',
        task_config: { stps: 5 },
      }),
    ],
    status: 2,
    message: /stps.*/,
  },
  { name: 'no steps', args: () => [...GOOD, '--steps', '0'], status: 2, message: /steps/ },
  { name: 'an empty prompt', args: () => [...SUBMIT, '--prompt', ''], status: 2, message: /prompt/ },
  { name: 'a picture of 3 pixels', args: () => [...GOOD, '--size', '3'], status: 2, message: /3/ },
  { name: 'an unknown option', args: () => [...GOOD, '--colour', 'red'], status: 2, message: /--colour/ },
  {
    name: 'the profile of another chain',
    args: () => GOOD,
    environment: (devnet) => ({
      CRYNUX_NETWORK: fileWith(devnet, 'other.json', {
        ...JSON.parse(readFileSync(devnet.environment.CRYNUX_NETWORK ?? '', 'utf8')),
        chainId: 1,
      }),
    }),
    status: 5,
    message: /chain 31337.*chain 1\b/,
  },
  {
    name: 'a chain that does not answer',
    args: () => GOOD,
    environment: () => ({ CRYNUX_RPC_URL: 'http://127.0.0.1:1' }),
    status: 5,
    message: /chain|RPC/i,
  },
  {
    name: 'a relay that is down',
    args: () => GOOD,
    environment: () => ({ CRYNUX_RELAY_URL: 'http://127.0.0.1:1' }),
    status: 6,
    message: /relay/,
  },
  {
    name: 'a wallet without funds',
    args: () => GOOD,
    environment: ({ scratch }) => ({ CRYNUX_KEYSTORE: join(scratch, 'poor.json') }),
    status: 4,
    message: /CNX|ETH|funds|balance/i,
  },
  {
    name: 'a wrong password',
    args: () => GOOD,
    environment: (devnet) => ({ CRYNUX_PASSWORD_FILE: fileWith(devnet, 'wrong-password', 'wrong') }),
    status: 3,
    message: /password/,
  },
  {
    name: 'a network profile that is not there',
    args: () => GOOD,
    environment: () => ({ CRYNUX_NETWORK: '/nowhere.json' }),
    status: 3,
    message: /nowhere\.json/,
  },
  {
    name: 'a corrupt model file',
    args: ({ scratch }) => [
      ...['infer', '--prompt', 'a star', '--model', 'broken', '--size', '128', '--steps', '2', '--out', 'out'],
      ...['--model-root', join(scratch, 'models')],
    ],
    status: 12,
    message: /broken/,
  },
  {
    name: 'a devnet of two',
    args: () => ['devnet', 'run', '--nodes', '2', '--', 'true'],
    status: 2,
    message: /2 nodes/,
  },
  {
    name: 'an unknown fault',
    args: () => ['devnet', 'run', '--fault', '3=lazy', '--', 'true'],
    status: 2,
    message: /3=lazy/,
  },
  {
    name: 'a program that is not there',
    args: () => ['devnet', 'run', '--bytecode', '--', './no-such-program'],
    status: 2,
    message: /no-such-program/,
  },
  {
    name: 'anvil that is not there',
    args: () => ['devnet', 'up'],
    environment: () => ({ CRYNUX_ANVIL: '/no/anvil' }),
    status: 3,
    message: /\/no\/anvil/,
  },
]

it(
  'bad input gets one clear line with a remedy, its own exit status, and no stack trace',
  () =>
    withDevnet(['--bytecode'], async (devnet) => {
      await createKeystore({
        path: join(devnet.scratch, 'poor.json'),
        password: readFileSync(devnet.environment.CRYNUX_PASSWORD_FILE ?? '', 'utf8').trimEnd(),
        scryptN: 1024,
      })
      breakModel(join(devnet.scratch, 'models', 'broken'))
      for (const { name, args, environment, status, message } of CASES) {
        const words = args(devnet)
        const extra = environment?.(devnet) ?? {}
        const dashes = words.indexOf('--')
        const asJson = words.toSpliced(dashes === -1 ? words.length : dashes, 0, '--json')
        const [plain, json] = await Promise.all([devnet.run(words, extra), devnet.run(asJson, extra)])
        const answer = describeAnswer(plain, json)
        expect({ name, ...answer }, plain.stderr).toEqual({
          name,
          status: [status, status],
          stdout: '',
          line: expect.stringMatching(message),
          hasRemedy: true,
          hasTrace: false,
          code: expect.stringMatching(/^CRYNUX_[A-Z_]+$/),
          sameMessage: true,
        })
        expect(answer.code).not.toBe('CRYNUX_INTERNAL')
      }
    }),
  180_000,
)

it('no command at all gets help on stderr and exit status 2', async () => {
  expect(await runCrynux([])).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('error: ') })
})

function describeAnswer(plain: Finished, json: Finished) {
  const lines = plain.stderr.trimEnd().split('\n')
  const at = lines.findIndex((line) => line.startsWith('error: '))
  const { error } = JSON.parse(json.stderr.trimEnd().split('\n').at(-1) ?? '') as {
    error: { code: string; message: string; remedy: string }
  }
  return {
    status: [plain.status, json.status],
    stdout: plain.stdout + json.stdout,
    line: lines[at] ?? '',
    hasRemedy: /^ {2}\S.{10}/.test(lines[at + 1] ?? '') && error.remedy.length > 10,
    hasTrace: /^\s+at .*[:(]\d+/m.test(plain.stderr + json.stderr) || /node:internal/.test(plain.stderr),
    code: error.code,
    sameMessage: lines[at] === `error: ${error.message}`,
  }
}

/** The embedded model with a UNet that ends in the middle. */
function breakModel(folder: string): void {
  mkdirSync(folder, { recursive: true })
  cpSync(join(packageRoot, 'models', 'tiny-shapes'), folder, { recursive: true })
  const weights = join(folder, 'unet', 'model.onnx')
  copyFileSync(weights, `${weights}.whole`)
  truncateSync(weights, 100_000)
}
