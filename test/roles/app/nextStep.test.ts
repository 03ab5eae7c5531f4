import { describe, expect, it } from 'vitest'
import {
  ADVANCE_GRACE_SECONDS,
  type AppFacts,
  type AppStep,
  nextStep,
  sendsTransaction,
  type TaskFacts,
} from '../../../src/roles/app/nextStep.js'

const DEADLINE = 1_000
const BEFORE = { number: 20, timestamp: DEADLINE }
const GRACE = { number: 20, timestamp: DEADLINE + ADVANCE_GRACE_SECONDS }
const AFTER = { number: 20, timestamp: DEADLINE + ADVANCE_GRACE_SECONDS + 1 }
const DIGEST = `0x${'d1'.repeat(32)}` as const
const OLD_DIGEST = `0x${'0d'.repeat(32)}` as const

const task = (state: TaskFacts['state'], change: Partial<TaskFacts> = {}): TaskFacts => ({
  state,
  drawBlock: 10,
  commitDeadline: DEADLINE,
  revealDeadline: DEADLINE,
  uploadDeadline: DEADLINE,
  resultDigest: null,
  redelivery: false,
  committed: 0,
  ...change,
})

const facts = (change: Partial<AppFacts> = {}): AppFacts => ({
  task: null,
  block: BEFORE,
  pendingTransactions: false,
  ledgerShortWei: 0n,
  freeNodes: 3,
  argumentsSent: false,
  writtenDigest: null,
  faulty: null,
  acknowledged: false,
  ...change,
})

const wait = (reason: Extract<AppStep, { do: 'wait' }>['for']): AppStep => ({ do: 'wait', for: reason })
const completed = (change: Partial<TaskFacts> = {}) => task('completed', { resultDigest: DIGEST, ...change })

/** Every cell of state × facts; facts that a cell does not name must not matter in it. */
const cells: [name: string, given: Partial<AppFacts>, step: AppStep][] = [
  ['no task, ledger short', { ledgerShortWei: 7n }, { do: 'deposit', amountWei: 7n }],
  ['no task, ledger full', {}, { do: 'create' }],
  ['queued in this block', { task: task('queued'), block: { ...BEFORE, number: 10 } }, { do: 'start' }],
  ['queued, endpoint behind', { task: task('queued'), block: { ...BEFORE, number: 9 } }, wait('nextBlock')],
  ['queued, two free', { task: task('queued'), freeNodes: 2 }, wait('nodes')],
  ['queued, none free', { task: task('queued'), freeNodes: 0 }, wait('nodes')],
  ['queued, three free', { task: task('queued') }, { do: 'start' }],
  ['started, arguments here', { task: task('started') }, { do: 'sendArguments' }],
  ['started, two committed', { task: task('started', { committed: 2 }) }, { do: 'sendArguments' }],
  ['started, three committed', { task: task('started', { committed: 3 }) }, wait('commits')],
  ['started, arguments there', { task: task('started'), argumentsSent: true }, wait('commits')],
  ['started, at the deadline', { task: task('started'), argumentsSent: true, block: GRACE }, wait('commits')],
  ['started, past it', { task: task('started'), argumentsSent: true, block: AFTER }, { do: 'advance' }],
  ['started, past it, arguments here', { task: task('started'), block: AFTER }, { do: 'advance' }],
  ['revealing', { task: task('revealing') }, wait('reveals')],
  ['revealing, at the deadline', { task: task('revealing'), block: GRACE }, wait('reveals')],
  ['revealing, past it', { task: task('revealing'), block: AFTER }, { do: 'advance' }],
  ['awaiting upload', { task: task('awaitingUpload') }, wait('upload')],
  ['awaiting upload, at the deadline', { task: task('awaitingUpload'), block: GRACE }, wait('upload')],
  ['awaiting upload, past it', { task: task('awaitingUpload'), block: AFTER }, { do: 'advance' }],
  ['completed', { task: completed() }, { do: 'collect', resultDigest: DIGEST }],
  ['completed, past all deadlines', { task: completed(), block: AFTER }, { do: 'collect', resultDigest: DIGEST }],
  [
    'completed, this upload faulty',
    { task: completed(), faulty: { resultDigest: DIGEST, proven: false } },
    { do: 'dispute', resultDigest: DIGEST },
  ],
  [
    'completed, fault proven',
    { task: completed(), faulty: { resultDigest: DIGEST, proven: true } },
    { do: 'reportFault', resultDigest: DIGEST },
  ],
  [
    'completed, the upload before was faulty',
    { task: completed(), faulty: { resultDigest: OLD_DIGEST, proven: true } },
    { do: 'collect', resultDigest: DIGEST },
  ],
  ['replacement awaited', { task: completed({ redelivery: true }) }, wait('replacement')],
  [
    'replacement awaited, nothing reported',
    { task: completed({ redelivery: true, resultDigest: null }) },
    wait('replacement'),
  ],
  [
    'replacement awaited, the fault known',
    { task: completed({ redelivery: true }), faulty: { resultDigest: DIGEST, proven: true } },
    wait('replacement'),
  ],
  ['replacement late', { task: completed({ redelivery: true }), block: AFTER }, { do: 'advance' }],
  [
    'completed with nobody left',
    { task: completed({ resultDigest: null }) },
    { do: 'finish', because: 'undeliverable' },
  ],
  ['written', { task: completed(), writtenDigest: DIGEST }, { do: 'acknowledge' }],
  [
    'written, then disputed by others',
    { task: completed({ redelivery: true }), writtenDigest: DIGEST },
    { do: 'acknowledge' },
  ],
  [
    'written and acknowledged',
    { task: completed(), writtenDigest: DIGEST, acknowledged: true },
    { do: 'finish', because: 'delivered' },
  ],
  ['aborted', { task: task('aborted') }, { do: 'finish', because: 'aborted' }],
  ['aborted, past all deadlines', { task: task('aborted'), block: AFTER }, { do: 'finish', because: 'aborted' }],
]

describe('the next step of a task for its creator', () => {
  it.each(cells)('%s', (_name, given, step) => {
    expect(nextStep(facts(given))).toEqual(step)
  })

  it.each(cells)('%s, while a transaction of the wallet is on its way', (_name, given, step) => {
    const expected = sendsTransaction(step) ? wait('pendingTransactions') : step
    expect(nextStep(facts({ ...given, pendingTransactions: true }))).toEqual(expected)
  })

  it('never pays for a task that the chain has, whatever else is the case', () => {
    const states: TaskFacts['state'][] = ['queued', 'started', 'revealing', 'awaitingUpload', 'completed', 'aborted']
    for (const state of states)
      for (const block of [{ number: 1, timestamp: 1 }, BEFORE, AFTER])
        for (const resultDigest of [null, DIGEST])
          for (const redelivery of [false, true])
            for (const argumentsSent of [false, true])
              for (const writtenDigest of [null, DIGEST])
                for (const freeNodes of [0, 3]) {
                  const step = nextStep(
                    facts({
                      task: task(state, { resultDigest, redelivery }),
                      block,
                      argumentsSent,
                      writtenDigest,
                      freeNodes,
                      ledgerShortWei: 5n,
                    }),
                  )
                  expect(['deposit', 'create']).not.toContain(step.do)
                }
  })
})
