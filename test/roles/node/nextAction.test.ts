import { describe, expect, it } from 'vitest'
import type { Address } from '../../../src/base/hex.js'
import type { ChainTask } from '../../../src/chain/read/task.js'
import { type NodeFacts, nextAction } from '../../../src/roles/node/nextAction.js'
import type { TaskRecord } from '../../../src/roles/node/taskRecord.js'

const ME: Address = '0x1111111111111111111111111111111111111111'
const SECOND: Address = '0x2222222222222222222222222222222222222222'
const THIRD: Address = '0x3333333333333333333333333333333333333333'
const ZERO32 = `0x${'0'.repeat(64)}` as const

type Slots = { committed?: Address[]; revealed?: Address[] }

function task(state: ChainTask['state'], { committed = [], revealed = [] }: Slots = {}, more: Partial<ChainTask> = {}) {
  const chainTask: ChainTask = {
    id: `0x${'ab'.repeat(32)}`,
    state,
    abortReason: null,
    kind: 'image',
    imageCount: 1,
    creator: SECOND,
    relay: THIRD,
    argsHash: ZERO32,
    gpuModel: ZERO32,
    minVramGb: 0,
    executionTimeoutSeconds: 100,
    feeWei: 1n,
    drawBlock: 1,
    commitDeadline: 1_000,
    revealDeadline: 1_100,
    uploadDeadline: 1_200,
    uploader: null,
    resultDigest: null,
    redelivery: false,
    slots: [ME, SECOND, THIRD].map((node) => ({
      node,
      committed: committed.includes(node),
      revealed: revealed.includes(node),
      outcome: 0,
      commitment: ZERO32,
      score: '0x',
    })),
    ...more,
  }
  return chainTask
}

const DONE: TaskRecord = { work: { outcome: 0, score: '0x0123456789abcdef', sealedFiles: 1 } }
const FAILED: TaskRecord = { work: { outcome: 3, score: '0x', sealedFiles: 0 } }

const act = (chainTask: ChainTask | null, facts: Partial<NodeFacts> = {}) =>
  nextAction({
    task: chainTask,
    me: ME,
    record: {},
    chainTime: 900,
    executing: false,
    revealWindowSeconds: 100,
    disputeWindowSeconds: 100,
    ...facts,
  }).do

describe('next action of a node', () => {
  it.each<[string, ChainTask | null, Partial<NodeFacts>, string]>([
    ['unknown task', null, {}, 'forget'],
    ['aborted', task('aborted'), {}, 'forget'],
    ['queued again after a reorganisation', task('queued', {}, { slots: [] }), {}, 'forget'],
    ['queued again while computing', task('queued', {}, { slots: [] }), { executing: true }, 'wait'],
    ['drawn without this node', task('started', {}, { slots: task('started').slots.slice(1) }), {}, 'forget'],
    ['started', task('started'), {}, 'execute'],
    ['started, computing', task('started'), { executing: true }, 'wait'],
    ['started, work done', task('started'), { record: DONE }, 'commit'],
    ['started, work impossible', task('started'), { record: FAILED }, 'commit'],
    ['started, committed', task('started', { committed: [ME] }), { record: DONE }, 'wait'],
    ['at the commit deadline to the second', task('started'), { record: DONE, chainTime: 1_000 }, 'commit'],
    ['past it with one commit', task('started', { committed: [ME] }), { record: DONE, chainTime: 1_001 }, 'advance'],
    [
      'past it with two commits',
      task('started', { committed: [ME, SECOND] }),
      { record: DONE, chainTime: 1_001 },
      'reveal',
    ],
    ['past it, others committed', task('started', { committed: [THIRD, SECOND] }), { chainTime: 1_001 }, 'wait'],
    ['long past it, nobody revealed', task('started', { committed: [THIRD, SECOND] }), { chainTime: 1_101 }, 'advance'],
    ['revealing', task('revealing', { committed: [ME, SECOND, THIRD] }), { record: DONE }, 'reveal'],
    ['revealing, revealed', task('revealing', { committed: [ME], revealed: [ME] }), { record: DONE }, 'wait'],
    ['revealing, never committed', task('revealing', { committed: [SECOND, THIRD] }), { record: DONE }, 'wait'],
    ['revealing, journal lost', task('revealing', { committed: [ME, SECOND, THIRD] }), {}, 'execute'],
    ['revealing, doing it again', task('revealing', { committed: [ME, SECOND] }), { executing: true }, 'wait'],
    ['started, committed, journal lost', task('started', { committed: [ME] }), {}, 'execute'],
    ['past the reveal deadline', task('revealing', { committed: [ME] }), { record: DONE, chainTime: 1_101 }, 'advance'],
    ['awaiting my upload', task('awaitingUpload', {}, { uploader: ME }), { record: DONE }, 'upload'],
    ["awaiting another's upload", task('awaitingUpload', {}, { uploader: SECOND }), { record: DONE }, 'wait'],
    ['upload missed', task('awaitingUpload', {}, { uploader: SECOND }), { record: DONE, chainTime: 1_201 }, 'advance'],
    ['completed by me', task('completed', {}, { uploader: ME }), { record: DONE }, 'forget'],
    ['completed, mine was an error', task('completed', {}, { uploader: SECOND }), { record: FAILED }, 'forget'],
    [
      'completed by another',
      task('completed', {}, { uploader: SECOND }),
      { record: { ...DONE, completedAt: 890 } },
      'wait',
    ],
    [
      'completed, acknowledged',
      task('completed', {}, { uploader: SECOND }),
      { record: { ...DONE, acknowledged: true } },
      'forget',
    ],
    [
      'completed long ago',
      task('completed', {}, { uploader: SECOND }),
      { record: { ...DONE, completedAt: 799 } },
      'forget',
    ],
    [
      'I am to replace an upload',
      task('completed', {}, { uploader: ME, redelivery: true }),
      { record: DONE },
      'upload',
    ],
    [
      'another is to replace it',
      task('completed', {}, { uploader: SECOND, redelivery: true }),
      { record: DONE },
      'wait',
    ],
    [
      'replacement missed',
      task('completed', {}, { uploader: SECOND, redelivery: true }),
      { record: DONE, chainTime: 1_201 },
      'advance',
    ],
  ])('%s', (_name, chainTask, facts, expected) => {
    expect(act(chainTask, facts)).toBe(expected)
  })

  it('staggers the transactions that anyone may send, so that three nodes do not pay for one step', () => {
    const late = task('awaitingUpload', {}, { uploader: SECOND })
    expect(act(late, { me: THIRD, chainTime: 1_204 })).toBe('wait')
    expect(act(late, { me: THIRD, chainTime: 1_205 })).toBe('advance')
  })

  it('compares addresses whatever their case', () => {
    expect(act(task('started'), { me: ME.toUpperCase().replace('0X', '0x') as Address })).toBe('execute')
  })
})
