import { expect } from 'vitest'
import type { Slot } from '../../../src/protocol/verdict.js'
import type { ChainNetwork } from './chainNetwork.js'
import { type History, type NodeStep, type NodeTurn, promiseOf, type TaskPlan } from './history.js'
import {
  createModelNetwork,
  type ModelNetwork,
  type ModelNode,
  type ModelStatus,
  type Refusal,
} from './modelNetwork.js'

export const EXECUTION_TIMEOUT_SECONDS = 60
export const REVEAL_WINDOW_SECONDS = 15
export const UPLOAD_WINDOW_SECONDS = 40
export const UNBONDING_SECONDS = 120
export const CREATOR_WEI = 10n ** 24n
export const MINIMUM_STAKE_WEI = 400n * 10n ** 18n

/** Eight nodes for up to four tasks of three, with stakes of which few penalties are round numbers. */
export const NODES = [0n, 1n, 49n, 50n, 77_777n, 10n ** 18n + 13n, 3n ** 40n, 7n ** 24n].map((extraWei) => ({
  walletWei: 10n ** 24n,
  stakeWei: MINIMUM_STAKE_WEI + extraWei,
}))

/** What the histories have met, so that nobody takes silence for coverage. */
export type Tally = Map<string, number>

/** Plays a history through the model and the contracts and compares everything after every step. */
export async function playHistory(chain: ChainNetwork, history: History, tally: Tally): Promise<void> {
  await chain.setParameters(history.parameters)
  const model = createModelNetwork({
    nodes: NODES.map(
      (node): ModelNode => ({
        ...node,
        ledgerWei: 0n,
        status: 'available',
        held: false,
        liableUntil: 0,
        unbondingEndsAt: 0,
      }),
    ),
    creatorWei: CREATOR_WEI,
    parameters: {
      ...history.parameters,
      executionTimeoutSeconds: EXECUTION_TIMEOUT_SECONDS,
      revealWindowSeconds: REVEAL_WINDOW_SECONDS,
      uploadWindowSeconds: UPLOAD_WINDOW_SECONDS,
      unbondingSeconds: UNBONDING_SECONDS,
      resumeStakeWei: (MINIMUM_STAKE_WEI * 3n) / 4n,
    },
  })
  const told: string[] = []
  const count = (what: string) => tally.set(what, (tally.get(what) ?? 0) + 1)

  /** The chain acts first: what it did at which second is what the model is asked about. */
  async function both(what: string, onChain: () => Promise<Refusal>, inModel: (now: number) => Refusal) {
    const refusal = await onChain()
    const expected = inModel(chain.now())
    told.push(`${chain.now()} ${what}: ${refusal ?? 'done'}`)
    count(expected ?? what.replace(/ .*/, ''))
    expect(refusal, told.join('\n')).toBe(expected)
  }

  let comparedAt = 0
  async function compare() {
    if (chain.now() === comparedAt) return
    comparedAt = chain.now()
    const seen = await chain.read(model.tasks.length)
    expect(seen, told.join('\n')).toEqual(expectation(model, chain.now()))
  }

  const player = createPlayer({ chain, model, history, both })
  for (const turn of history.turns) {
    if ('task' in turn) await player.step(turn.task % history.tasks.length)
    else await player.nodeStep(turn)
    await compare()
  }
  for (const task of history.tasks.keys()) {
    while (await player.step(task)) await compare()
  }
  for (const { state, settlement } of model.tasks) {
    count(`task ${settlement?.abortReason ?? settlement?.state ?? state}`)
    for (const fate of settlement?.fates ?? []) count(`node ${fate}`)
  }
}

/** All that the chain is to show. */
function expectation(model: ModelNetwork, second: number) {
  const { nodes, tasks, books } = model
  const sum = (values: readonly bigint[]) => values.reduce((total, value) => total + value, 0n)
  return {
    second,
    available: BigInt(nodes.filter(({ status }) => status === 'available').length),
    creatorWei: books.creatorWei,
    poolWei: books.poolWei,
    consensusWei: books.creatorWei + sum(nodes.map(({ ledgerWei }) => ledgerWei)) + model.escrowWei(),
    registryWei: sum(nodes.map(({ stakeWei }) => stakeWei)),
    nodes: nodes.map(({ walletWei, ledgerWei, stakeWei, status, unbondingEndsAt, liableUntil }) => ({
      walletWei,
      ledgerWei,
      stakeWei,
      status,
      unbondingEndsAt: status === 'unbonding' ? Math.max(unbondingEndsAt, liableUntil) : 0,
    })),
    tasks: tasks.map(({ state, settlement, drawn, commits, deadline }) => {
      const uploader = settlement?.uploader ?? null
      // The view says what a transaction would find now.
      const opens = state === 'started' && second > deadline && commits.length >= 2
      return {
        state: state === 'cancelled' ? 'aborted' : opens ? 'revealing' : (settlement?.state ?? state),
        abortReason: state === 'cancelled' ? 'cancelled' : (settlement?.abortReason ?? null),
        redelivery: settlement?.redelivery ?? false,
        uploader: uploader === null ? null : drawn[uploader],
        uploadDeadline: uploader === null ? 0 : deadline,
        slots: drawn.map((node, slot) => {
          const commit = commits.find((each) => each.slot === slot)
          return { node, committed: commit !== undefined, revealed: commit?.revealed ?? null }
        }),
      }
    }),
  }
}

/** In which status a node can do what. */
const FITS: { [does in NodeStep]: readonly ModelStatus[] } = {
  pause: ['available', 'busy'],
  resume: ['paused', 'pausePending', 'leavePending'],
  leave: ['available', 'busy', 'paused', 'pausePending'],
  withdrawStake: ['unbonding'],
  join: ['none'],
}

type Both = (what: string, onChain: () => Promise<Refusal>, inModel: (now: number) => Refusal) => Promise<void>

function createPlayer({
  chain,
  model,
  history,
  both,
}: {
  chain: ChainNetwork
  model: ModelNetwork
  history: History
  both: Both
}) {
  const { hammingThreshold } = history.parameters
  /** Number of each plan's task, once it is created; and what of its plan comes next. */
  const begun = new Map<number, { task: number; steps: (() => Promise<void>)[] }>()

  const statusOf = (node: number): ModelStatus => model.nodes[node]?.status ?? 'none'
  const drawn = (task: number, slot: Slot): number => model.tasks[task]?.drawn[slot] ?? -1
  const deadlineOf = (task: number): number => model.tasks[task]?.deadline ?? 0

  async function begin(plan: TaskPlan): Promise<{ task: number; steps: (() => Promise<void>)[] }> {
    const task = model.tasks.length
    await both(
      'create',
      () => chain.create(plan),
      () => model.create(plan),
    )
    const wanted = model.canStart()
    const result = await chain.start(task)
    await both(
      `start ${task} of ${JSON.stringify(result)}`,
      async () => (Array.isArray(result) ? null : result),
      (now) => wanted ?? model.start(task, result as unknown as [number, number, number], now),
    )
    if (wanted)
      return {
        task,
        steps: [
          () =>
            both(
              `cancel ${task}`,
              () => chain.cancel(task),
              () => model.cancel(task),
            ),
        ],
      }
    return {
      task,
      steps: [
        () => commitAll(task, plan),
        () => revealAll(task, plan),
        ...plan.delivery.map((step, index) => async () => {
          // One refusal of what comes too late is enough.
          if (index === 0 || model.tasks[task]?.settlement?.state !== 'aborted') await deliveryStep(task, step)
        }),
      ],
    }
  }

  async function commitAll(task: number, plan: TaskPlan) {
    for (const slot of plan.commitOrder) {
      if (plan.does[slot] === 'nothing') continue
      await both(
        `commit ${task} slot ${slot}`,
        () => chain.commit(task, drawn(task, slot), slot, promiseOf(plan, slot, hammingThreshold)),
        (now) => model.commit(task, slot, now),
      )
    }
  }

  async function revealAll(task: number, plan: TaskPlan) {
    if (model.tasks[task]?.state === 'started') await chain.passUntil(deadlineOf(task) + 1)
    for (const slot of plan.revealOrder) {
      const does = plan.does[slot]
      if (does === 'nothing' || does === 'mute') continue
      const honest = does !== 'bad'
      const promise = promiseOf(plan, slot, hammingThreshold)
      const said = honest ? promise : lieAbout(promise, plan.off[slot] === 0)
      await both(
        `reveal ${task} slot ${slot} ${JSON.stringify(said)}`,
        () => chain.reveal(task, drawn(task, slot), slot, said),
        (now) => model.reveal(task, slot, said, { honest, now }),
      )
    }
    for (let once = 0; once < 2 && ['started', 'revealing'].includes(model.tasks[task]?.state ?? ''); once++) {
      await chain.passUntil(deadlineOf(task) + 1)
      await advance(task)
    }
  }

  const advance = (task: number) =>
    both(
      `advance ${task}`,
      () => chain.advance(task),
      (now) => model.advance(task, now),
    )

  async function deliveryStep(task: number, step: TaskPlan['delivery'][number]) {
    const uploader = drawn(task, model.tasks[task]?.settlement?.uploader ?? 0)
    if (step === 'wait' || step === 'lateUpload') await chain.passUntil(deadlineOf(task) + 1)
    if (step === 'wait') await advance(task)
    else if (step === 'fault') {
      await both(
        `fault ${task}`,
        () => chain.fault(task, uploader),
        (now) => model.fault(task, now),
      )
    } else {
      const by = step === 'wrongUpload' ? (uploader + 1) % NODES.length : uploader
      await both(
        `${step} ${task} by ${by}`,
        () => chain.upload(task, by),
        (now) => model.upload(task, by, now),
      )
    }
  }

  return {
    /** The next step of a plan. @returns false when nothing is left of it. */
    async step(index: number): Promise<boolean> {
      const plan = history.tasks[index] as TaskPlan
      const known = begun.get(index)
      if (!known) {
        begun.set(index, await begin(plan))
        return true
      }
      const next = known.steps.shift()
      if (next) await next()
      else if (model.awaitsUpload(known.task)) await deliveryStep(known.task, 'wait')
      else return false
      return true
    },

    async nodeStep({ node: number, does, possible }: NodeTurn) {
      const fit = possible ? [...model.nodes.keys()].filter((each) => FITS[does].includes(statusOf(each))) : []
      const node = fit[number % fit.length] ?? number
      const { unbondingEndsAt, liableUntil } = model.nodes[node] as ModelNode
      // Sometimes a second too early.
      if (possible && does === 'withdrawStake' && fit.length > 0)
        await chain.passUntil(Math.max(unbondingEndsAt, liableUntil) - (number % 2))
      if (does === 'join') {
        await both(
          `join ${node}`,
          () => chain.join(node, MINIMUM_STAKE_WEI),
          () => model.join(node, MINIMUM_STAKE_WEI),
        )
      } else {
        await both(
          `${does} ${node}`,
          () => chain[does](node),
          (now) => model[does](node, now),
        )
      }
    },
  }
}

/** Something of the right form that was not committed to. */
function lieAbout({ outcome, score }: ReturnType<typeof promiseOf>, asError: boolean): ReturnType<typeof promiseOf> {
  if (asError) return { outcome: 1, score: '0x' }
  return { outcome, score: `${score.slice(0, -1)}${score.endsWith('0') ? '1' : '0'}` as typeof score }
}
