import { expect, it } from 'vitest'
import { formatSubmittedTask, formatTaskList, formatTaskStatus } from '../../src/ui/formatTask.js'

const nodes = [
  { address: '0xa1', outcome: 'result', score: '0x0f', agrees: true, slashed: false, paidWei: `15${'0'.repeat(18)}` },
  { address: '0xb2', outcome: 'result', score: '0xf0', agrees: false, slashed: true, paidWei: '0' },
  { address: '0xc3', outcome: 'silent', score: null, agrees: false, slashed: false, paidWei: '0' },
] as const

it('puts the files of a task first, one a line, for pipelines', () => {
  const text = formatSubmittedTask({
    taskId: '0x01',
    key: 'order-4711',
    state: 'completed',
    feeWei: `30${'0'.repeat(18)}`,
    nodes,
    files: [{ path: '/tmp/0.png' }, { path: '/tmp/1.png' }],
    timings: { totalMs: 7_654, payMs: 1_500, sendArgumentsMs: 80, writeMs: 0 },
  })
  expect(text.split('\n')).toEqual([
    '/tmp/0.png',
    '/tmp/1.png',
    'task       0x01 (completed)',
    'key        order-4711',
    'fee        30 CNX',
    'node       0xa1  0x0f agrees  paid 15 CNX',
    'node       0xb2  0xf0 differs, slashed  paid 0 CNX',
    'node       0xc3  silent  paid 0 CNX',
    'time       total 7.7 s, pay 1.5 s, send arguments 0.1 s',
  ])
})

it('names the reason of an aborted task', () => {
  const task = { taskId: '0x01', state: 'aborted', abortReason: 'noAgreement', kind: 'image', feeWei: '0' } as const
  expect(formatTaskStatus({ ...task, creator: '0xd4', nodes: [], uploader: null })).toContain('aborted: noAgreement')
  expect(formatTaskList([{ ...task, key: 'order', createdAt: 1_795_252_800 }]).split('\n')).toEqual([
    'TASK  KEY    CREATED (UTC)     KIND     FEE  STATE',
    '0x01  order  2026-11-21 09:20  image  0 CNX  aborted: noAgreement',
  ])
  expect(formatTaskList([{ ...task, key: null, createdAt: 0 }])).toContain('\n0x01  -    1970-01-01 00:00')
  expect(formatTaskList([])).toBe('no task yet')
})
