import { expect, it } from 'vitest'
import { showTaskProgress, TASK_STEPS, type TaskStepId } from '../../../src/commands/task/showTaskProgress.js'
import type { TaskProgress } from '../../../src/roles/app/taskProgress.js'
import type { StepView } from '../../../src/ui/stepView.js'

/** Remembers which steps have ended, in order, and what was noted. */
function recordingView() {
  const ended: TaskStepId[] = []
  const notes: string[] = []
  const texts = new Map<TaskStepId, string | undefined>()
  const view: StepView<TaskStepId> = {
    note: (id, text) => notes.push(`${id}: ${text}`),
    done: (id, text) => {
      if (ended.includes(id)) return
      ended.push(id)
      texts.set(id, text)
    },
    fail: () => {},
    close: async () => {},
  }
  return { view, ended, notes, texts }
}

const NODES = ['0xa100000000', '0xb200000000', '0xc300000000'] as const

const JOURNEY: TaskProgress[] = [
  { at: 'prepared', taskId: '0x01', key: 'k', creator: '0xd4', feeWei: 3n, argsHash: '0x02', resumed: false },
  { at: 'transaction', what: 'deposit', hash: '0x03', gasUsed: 1n },
  { at: 'transaction', what: 'create', hash: '0x04', gasUsed: 1n },
  { at: 'queued', freeNodes: 2 },
  { at: 'transaction', what: 'start', hash: '0x05', gasUsed: 1n },
  { at: 'drawn', nodes: [...NODES], commitDeadline: 60 },
  { at: 'argumentsSent', bytes: 1000 },
  { at: 'committed', count: 1 },
  { at: 'committed', count: 3 },
  { at: 'revealed', count: 2 },
  { at: 'uploadAwaited', uploader: NODES[0], replacement: false },
  { at: 'completed', uploader: NODES[0] },
  { at: 'verified', count: 1 },
  { at: 'written', paths: ['picture.png'] },
  { at: 'acknowledged', receipt: true },
]

it('ends every step of a whole journey, in order', () => {
  const { view, ended, notes, texts } = recordingView()
  JOURNEY.forEach(showTaskProgress(view))
  expect(ended).toEqual(TASK_STEPS.map(({ id }) => id))
  expect(texts.get('compute')).toBe('all three')
  expect(texts.get('reveal')).toBe('two of three')
  expect(notes).toContain('draw: 2 of 3 nodes are free; waiting')
  expect(notes).toContain('compute: 1 of 3 committed; the others have until 00:01:00 UTC')
})

it('ends what lies before the first thing that a resumed task tells', () => {
  const { view, ended } = recordingView()
  JOURNEY.slice(11).forEach(showTaskProgress(view))
  expect(ended).toEqual(TASK_STEPS.map(({ id }) => id))
})

it('tells why the verification starts again', () => {
  const { view, notes } = recordingView()
  const show = showTaskProgress(view)
  show({ at: 'uploadFaulty', uploader: NODES[0], reason: 'a file cannot be opened' })
  show({ at: 'uploadAwaited', uploader: NODES[1], replacement: true })
  expect(notes).toEqual([
    'verify: the upload is faulty (a file cannot be opened); asking the relay for a proof',
    'verify: 0xb20000… is to replace the faulty result',
  ])
})
