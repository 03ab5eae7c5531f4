import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { SubmitResult } from '../../src/roles/app/taskReport.js'
import { dataOf, withDevnet } from '../helpers/devnet.js'

it(
  'three nodes of one GPU model answer a chat with the same file, whose SHA-256 is the score',
  () =>
    withDevnet(['--bytecode'], async (devnet) => {
      const path = join(devnet.scratch, 'chat.json')
      const task = {
        model: 'embedded:tiny-chat',
        messages: [{ role: 'user', content: 'What is 7 plus 5?' }],
        generation_config: { do_sample: true, temperature: 0.3, max_new_tokens: 20 },
        seed: 11,
      }
      writeFileSync(path, JSON.stringify(task))
      const result = dataOf<SubmitResult>(
        await devnet.run(['task', 'submit', '--arguments', path, '--out', 'answer/', '--json']),
      )
      expect(result.state).toBe('completed')
      expect(result.nodes.map(({ agrees, outcome }) => ({ agrees, outcome }))).toEqual(
        Array(3).fill({ agrees: true, outcome: 'result' }),
      )
      const file = readFileSync(join(devnet.scratch, 'answer', '0.json'))
      const score = `0x${createHash('sha256').update(file).digest('hex')}`
      expect(new Set(result.nodes.map((node) => node.score))).toEqual(new Set([score]))
      expect(JSON.parse(file.toString())).toMatchObject({
        model: 'embedded:tiny-chat',
        choices: [{ index: 0, message: { role: 'assistant', content: expect.stringContaining('12') } }],
      })

      // The same arguments give the same file without a network.
      const local = dataOf<{ score: string }>(
        await devnet.run(['infer', '--arguments', path, '--out', 'local', '--json']),
      )
      expect(local.score).toBe(score)

      // A model that no node can take is nobody's fault: the task ends without a result, and the fee comes back.
      writeFileSync(path, JSON.stringify({ ...task, messages: [{ role: 'user', content: 'a '.repeat(2000) }] }))
      const refused = await devnet.run(['task', 'submit', '--arguments', path, '--out', 'none/', '--json'])
      expect(refused.status).toBe(8)
      const nodes = dataOf<{ nodes: { slashes: number }[] }>(await devnet.run(['stats', 'nodes', '--json'])).nodes
      expect(nodes.map(({ slashes }) => slashes)).toEqual([0, 0, 0])
    }),
  180_000,
)
