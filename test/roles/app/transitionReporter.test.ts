import { expect, it } from 'vitest'
import type { ChainTask, TaskSlot } from '../../../src/chain/read/task.js'
import type { TaskProgress } from '../../../src/roles/app/taskProgress.js'
import { createTransitionReporter } from '../../../src/roles/app/transitionReporter.js'

const NODES = ['0xa1', '0xb2', '0xc3'] as const

const slots = ({ committed = 0, revealed = 0 } = {}): TaskSlot[] =>
  NODES.map((node, index) => ({
    node,
    committed: index < committed,
    revealed: index < revealed,
    outcome: 0,
    commitment: '0x00',
    score: '0x',
  }))

const task = (state: ChainTask['state'], change: Partial<ChainTask> = {}): ChainTask => ({
  id: '0x01',
  state,
  abortReason: null,
  kind: 'image',
  imageCount: 1,
  creator: '0xd4',
  relay: '0xe5',
  argsHash: '0x02',
  gpuModel: '0x03',
  minVramGb: 0,
  executionTimeoutSeconds: 60,
  feeWei: 3n,
  drawBlock: 1,
  commitDeadline: 60,
  revealDeadline: 0,
  uploadDeadline: 0,
  uploader: null,
  resultDigest: null,
  redelivery: false,
  slots: slots(),
  ...change,
})

const report = (readings: (ChainTask | null)[]) => {
  const told: TaskProgress[] = []
  const marked: string[] = []
  const reporter = createTransitionReporter({
    onProgress: (event) => told.push(event),
    mark: (name) => {
      if (!marked.includes(name)) marked.push(name)
    },
  })
  for (const reading of readings) reporter(reading)
  return { told: told.map((event) => ('count' in event ? `${event.at} ${event.count}` : event.at)), marked }
}

const all = slots({ committed: 3, revealed: 3 })
const JOURNEY = [
  null,
  task('queued', { slots: [] }),
  task('started'),
  task('started', { slots: slots({ committed: 2 }) }),
  task('revealing', { slots: slots({ committed: 3, revealed: 1 }) }),
  task('awaitingUpload', { slots: all, uploader: '0xa1' }),
  task('completed', { slots: all, uploader: '0xa1', resultDigest: '0x04' }),
]

it('tells each transition once, however often the task is read', () => {
  const expected = {
    told: ['drawn', 'committed 2', 'committed 3', 'revealed 1', 'revealed 3', 'uploadAwaited', 'completed'],
    marked: ['created', 'drawn', 'committed', 'decided', 'completed'],
  }
  expect(report(JOURNEY)).toEqual(expected)
  expect(report(JOURNEY.flatMap((reading) => [reading, reading]))).toEqual(expected)
})

it('tells all that happened between two readings, in order', () => {
  expect(report(JOURNEY.slice(-1))).toEqual({
    told: ['drawn', 'committed 3', 'revealed 3', 'completed'],
    marked: ['created', 'drawn', 'committed', 'decided', 'completed'],
  })
})

it('tells of a replacement and its completion', () => {
  const redelivery = task('completed', { slots: all, uploader: '0xb2', redelivery: true })
  const replaced = task('completed', { slots: all, uploader: '0xb2', resultDigest: '0x05' })
  expect(report([...JOURNEY, redelivery, replaced]).told.slice(-3)).toEqual(['completed', 'uploadAwaited', 'completed'])
})
