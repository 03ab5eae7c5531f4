import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packageRoot } from '../../src/base/packageRoot.js'

const vectors = join(packageRoot, 'test/vectors')
const { cases } = JSON.parse(readFileSync(join(vectors, 'sd15-extras/lora/cases.json'), 'utf8'))
const golden = cases.find(({ id }: { id: string }) => id === 'lora-kohya@0.8')

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crynux-infer-'))
  await mkdir(join(folder, 'models'))
  await symlink(join(vectors, 'sd15/sd15-tiny'), join(folder, 'models/sd15-tiny'))
  await symlink(join(vectors, 'sd15-extras/lora'), join(folder, 'models/lora'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Runs the golden task with the built program. */
function infer(lora: object): Promise<{ status: unknown; stdout: string; stderr: string }> {
  const task = {
    ...golden.task_args,
    base_model: 'sd15-tiny',
    lora: { ...golden.task_args.lora, model: 'lora', ...lora },
  }
  const folders = ['--model-root', 'models', '--data-dir', 'data', '--out', 'out']
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [join(packageRoot, 'bin/crynux.js'), 'infer', '--arguments', '-', ...folders, '--json'],
      { cwd: folder, env: { PATH: process.env.PATH ?? '', HOME: folder, NO_COLOR: '1' } },
      (error, stdout, stderr) => resolve({ status: error ? error.code : 0, stdout, stderr }),
    )
    child.stdin?.end(JSON.stringify(task))
  })
}

test('crynux infer: a LoRA acts with its weight; a bad one leaves nothing behind', async () => {
  const made = await infer({})
  expect(made.status, made.stderr).toBe(0)
  expect(JSON.parse(made.stdout).data.score).toBe(golden.score_hex)
  const merged = await readdir(join(folder, 'data/cache/merged-models'))
  expect(merged).toHaveLength(2)

  const refused = await infer({ weight_file_name: 'invalid.safetensors' })
  expect(refused.status).toBe(12)
  expect(JSON.parse(refused.stderr).error).toMatchObject({
    code: 'CRYNUX_LORA',
    details: { file: 'invalid.safetensors' },
  })
  expect(await readdir(join(folder, 'data/cache/merged-models'))).toEqual(merged)
})
