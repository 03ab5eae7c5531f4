import {
  createPublicClient,
  decodeEventLog,
  encodeFunctionData,
  erc20Abi,
  http,
  keccak256,
  maxUint256,
  toHex,
  zeroAddress,
} from 'viem'
import type { Address, Hex } from '../../../src/base/hex.js'
import { nodeRegistryAbi, taskConsensusAbi } from '../../../src/chain/abi.generated.js'
import { transactionRevertedFrom } from '../../../src/chain/revert.js'
import { commitmentOf } from '../../../src/protocol/commitment.js'
import type { Outcome } from '../../../src/protocol/outcome.js'
import { uploadFaultTypedData, uploadReceiptTypedData } from '../../../src/protocol/receipt.js'
import { taskIdOf } from '../../../src/protocol/taskId.js'
import type { Slot } from '../../../src/protocol/verdict.js'
import { createWallet } from '../../../src/protocol/wallet.js'
import { deployTestNetwork, type TestAnvil, testBytes32 } from '../anvil.js'
import type { Refusal } from './modelNetwork.js'

const STATUSES = ['none', 'available', 'busy', 'paused', 'pausePending', 'leavePending', 'unbonding'] as const
const STATES = ['none', 'queued', 'started', 'revealing', 'awaitingUpload', 'completed', 'aborted'] as const
const REASONS = [
  null,
  'cancelled',
  'notEnoughReveals',
  'noAgreement',
  'invalidArguments',
  'argumentsUnavailable',
  'modelUnavailable',
  'notUploaded',
] as const

const GPU = keccak256(toHex('a card'))
const DIGEST = testBytes32(3)
const SALT = testBytes32(4)
const SIZE = 1_000n
/** Enough for every step: nothing is estimated. */
const GAS = toHex(3_000_000n)

export type ChainNetworkOptions = {
  nodes: readonly { walletWei: bigint; stakeWei: bigint }[]
  creatorWei: bigint
  executionTimeoutSeconds: number
  revealWindowSeconds: number
  uploadWindowSeconds: number
  unbondingSeconds: number
}

/**
 * The real contracts on a real chain, quickly: accounts without keys, a block and a second
 * for each transaction, no gas estimates.
 */
export async function createChainNetwork(anvil: TestAnvil, options: ChainNetworkOptions) {
  const relay = createWallet({ privateKey: testBytes32(77) })
  const { profile, owner } = await deployTestNetwork(anvil, {
    relays: [{ address: relay.address, url: 'https://relay.example' }],
    parameters: {
      minimumExecutionTimeoutSeconds: 5,
      revealWindowSeconds: options.revealWindowSeconds,
      uploadWindowSeconds: options.uploadWindowSeconds,
      unbondingSeconds: options.unbondingSeconds,
    },
  })
  const { token, registry, consensus, incentivePool } = profile.contracts
  const domain = { chainId: profile.chainId, consensus }
  const creator: Address = '0x00000000000000000000000000000000000c0ffe'
  const nodes = options.nodes.map((_, index): Address => `0x${(0x10_000 + index).toString(16).padStart(40, '0')}`)
  // Many small questions at once; and steps, which a slow machine must not take twice.
  const patience = { retryCount: 0, timeout: 60_000 }
  const reader = createPublicClient({ transport: http(anvil.rpcUrl, { ...patience, batch: { batchSize: 200 } }) })
  const writer = createPublicClient({ transport: http(anvil.rpcUrl, patience) })
  const request = (method: string, parameters: unknown[]): Promise<unknown> =>
    writer.request({ method, params: parameters } as never)
  let now = 0
  let taskNumber = 0

  await request('anvil_autoImpersonateAccount', [true])
  await request('anvil_setBlockTimestampInterval', [1])
  for (const account of [creator, ...nodes]) await request('anvil_setBalance', [account, toHex(10n ** 24n)])

  async function send(from: Address, to: Address, data: Hex) {
    const receipt = await request('eth_sendTransactionSync', [{ from, to, data, gas: GAS }])
    now += 1
    return receipt as {
      status: Hex
      transactionHash: Hex
      logs: { topics: [Hex, ...Hex[]]; data: Hex }[]
    }
  }

  /** The name of the error with which a mined transaction was refused: its receipt holds none. */
  async function refusalOf(hash: Hex): Promise<string> {
    const trace = await request('debug_traceTransaction', [hash, { tracer: 'callTracer' }])
    return transactionRevertedFrom((trace as { output?: Hex }).output ?? '0x').errorName
  }

  /** Sends a transaction in any case. @returns the name of the error when it is refused. */
  async function attempt(from: Address, to: Address, data: Hex): Promise<Refusal> {
    const { status, transactionHash } = await send(from, to, data)
    return status === '0x1' ? null : refusalOf(transactionHash)
  }

  const toConsensus = (from: Address, ...call: Parameters<typeof encodeConsensus>) =>
    attempt(from, consensus, encodeConsensus(...call))
  const toRegistry = (index: number, ...call: Parameters<typeof encodeRegistry>) =>
    attempt(nodes[index] as Address, registry, encodeRegistry(...call))
  const idOf = (task: number): Hex => taskIdOf({ creator, taskKey: testBytes32(task) })

  const transferTo = (to: Address, amountWei: bigint) =>
    encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [to, amountWei] })
  const approval = (spender: Address) =>
    encodeFunctionData({ abi: erc20Abi, functionName: 'approve', args: [spender, maxUint256] })
  const must = async (from: Address, to: Address, data: Hex) => {
    const refusal = await attempt(from, to, data)
    if (refusal) throw new Error(`setting up the network failed: ${refusal}`)
  }

  await must(owner.account.address, token, transferTo(creator, options.creatorWei))
  await must(creator, token, approval(consensus))
  await must(creator, consensus, encodeConsensus('deposit', [options.creatorWei]))
  for (const [index, { walletWei, stakeWei }] of options.nodes.entries()) {
    const node = nodes[index] as Address
    await must(owner.account.address, token, transferTo(node, walletWei + stakeWei))
    await must(node, token, approval(registry))
    await must(node, registry, encodeRegistry('join', [stakeWei, GPU, 24, testBytes32(index + 1), zeroAddress]))
  }
  now = Number((await reader.getBlock()).timestamp)

  const drawnOf = (receipt: Awaited<ReturnType<typeof send>>): number[] =>
    receipt.logs.flatMap(({ topics, data }) => {
      try {
        const { args } = decodeEventLog({ abi: taskConsensusAbi, eventName: 'TaskStarted', topics, data })
        return [args.node0, args.node1, args.node2].map((node) => nodes.indexOf(node.toLowerCase() as Address))
      } catch {
        return []
      }
    })

  return {
    /** The second of the newest block; every transaction is one second later. */
    now: () => now,
    /** The next block will be of that second. */
    async passUntil(second: number) {
      if (second <= now + 1) return
      await request('evm_setNextBlockTimestamp', [second])
      now = second - 1
    },
    snapshot: async () => ({ id: await request('evm_snapshot', []), second: now }),
    async restore({ id, second }: { id: unknown; second: number }) {
      await request('evm_revert', [id])
      await request('evm_setNextBlockTimestamp', [second + 1])
      now = second
      taskNumber = 0
    },

    async setParameters(parameters: {
      hammingThreshold: number
      errorFeeBasisPoints: number
      penaltyBasisPoints: number
    }) {
      const by = owner.account.address
      await must(by, consensus, encodeConsensus('setHammingThreshold', [BigInt(parameters.hammingThreshold)]))
      await must(by, consensus, encodeConsensus('setErrorFee', [BigInt(parameters.errorFeeBasisPoints)]))
      await must(by, registry, encodeRegistry('setPenalty', [BigInt(parameters.penaltyBasisPoints)]))
    },

    create: ({ kind, imageCount, feeWei }: { kind: 'image' | 'text'; imageCount: number; feeWei: bigint }) =>
      toConsensus(creator, 'createTask', [
        {
          taskKey: testBytes32(taskNumber++),
          kind: kind === 'text' ? 1 : 0,
          imageCount,
          minVramGb: 0,
          gpuModel: testBytes32(0),
          executionTimeoutSeconds: options.executionTimeoutSeconds,
          relay: relay.address,
          argsHash: testBytes32(2),
          feeWei,
        },
      ]),
    /** @returns the numbers of the drawn nodes, or why there are none. */
    async start(task: number): Promise<number[] | Refusal> {
      const receipt = await send(creator, consensus, encodeConsensus('start', [idOf(task)]))
      return receipt.status === '0x1' ? drawnOf(receipt) : refusalOf(receipt.transactionHash)
    },
    cancel: (task: number) => toConsensus(creator, 'cancel', [idOf(task)]),
    commit: (task: number, by: number, slot: Slot, { outcome, score }: { outcome: Outcome; score: Hex }) =>
      toConsensus(nodes[by] as Address, 'commit', [idOf(task), BigInt(slot), commitment(task, by, outcome, score)]),
    reveal: (task: number, by: number, slot: Slot, { outcome, score }: { outcome: Outcome; score: Hex }) =>
      toConsensus(nodes[by] as Address, 'reveal', [idOf(task), BigInt(slot), outcome, score, SALT]),
    advance: (task: number) => toConsensus(creator, 'advance', [idOf(task)]),
    async upload(task: number, by: number): Promise<Refusal> {
      const uploader = nodes[by] as Address
      const message = { taskId: idOf(task), resultDigest: DIGEST, sizeBytes: SIZE, uploader }
      const signature = await relay.account.signTypedData(uploadReceiptTypedData(domain, message))
      return toConsensus(uploader, 'reportUploaded', [idOf(task), DIGEST, SIZE, signature])
    },
    async fault(task: number, uploader: number): Promise<Refusal> {
      const message = { taskId: idOf(task), resultDigest: DIGEST, uploader: nodes[uploader] ?? creator }
      const signature = await relay.account.signTypedData(uploadFaultTypedData(domain, message))
      return toConsensus(creator, 'reportFault', [idOf(task), DIGEST, signature])
    },

    join: (index: number, stakeWei: bigint) =>
      toRegistry(index, 'join', [stakeWei, GPU, 24, testBytes32(index + 1), zeroAddress]),
    pause: (index: number) => toRegistry(index, 'pause', []),
    resume: (index: number) => toRegistry(index, 'resume', []),
    leave: (index: number) => toRegistry(index, 'leave', []),
    withdrawStake: (index: number) => toRegistry(index, 'withdrawStake', []),

    /** Everything that can be seen of nodes, ledger and the first so many tasks. */
    async read(tasks: number) {
      const held = (account: Address) =>
        reader.readContract({ address: token, abi: erc20Abi, functionName: 'balanceOf', args: [account] })
      const ledger = (account: Address) =>
        reader.readContract({ address: consensus, abi: taskConsensusAbi, functionName: 'balanceOf', args: [account] })
      const [second, available, creatorWei, poolWei, consensusWei, registryWei, nodeViews, taskViews] =
        await Promise.all([
          reader.getBlock().then(({ timestamp }) => Number(timestamp)),
          reader.readContract({
            address: registry,
            abi: nodeRegistryAbi,
            functionName: 'availableCount',
            args: [false, 0, testBytes32(0)],
          }),
          ledger(creator),
          held(incentivePool),
          held(consensus),
          held(registry),
          Promise.all(
            nodes.map(async (node) => {
              const [view, walletWei, ledgerWei] = await Promise.all([
                reader.readContract({ address: registry, abi: nodeRegistryAbi, functionName: 'node', args: [node] }),
                held(node),
                ledger(node),
              ])
              return {
                walletWei,
                ledgerWei,
                stakeWei: view.stakeWei,
                status: STATUSES[view.status],
                unbondingEndsAt: Number(view.unbondingEndsAt),
              }
            }),
          ),
          Promise.all(
            Array.from({ length: tasks }, async (_, task) => {
              const view = await reader.readContract({
                address: consensus,
                abi: taskConsensusAbi,
                functionName: 'task',
                args: [idOf(task)],
              })
              const uploader = nodes.indexOf(view.uploader.toLowerCase() as Address)
              return {
                state: STATES[view.state],
                abortReason: REASONS[view.abortReason],
                redelivery: view.redelivery,
                uploader: uploader < 0 ? null : uploader,
                uploadDeadline: Number(view.uploadDeadline),
                slots: view.slots.map((slot) => ({
                  node: nodes.indexOf(slot.node.toLowerCase() as Address),
                  committed: slot.committed,
                  revealed: slot.revealed ? { outcome: slot.outcome, score: slot.score } : null,
                })),
              }
            }),
          ),
        ])
      return { second, available, creatorWei, poolWei, consensusWei, registryWei, nodes: nodeViews, tasks: taskViews }
    },
  }

  function commitment(task: number, by: number, outcome: Outcome, score: Hex): Hex {
    return commitmentOf({ ...domain, taskId: idOf(task), node: nodes[by] as Address, outcome, score, salt: SALT })
  }
}

export type ChainNetwork = Awaited<ReturnType<typeof createChainNetwork>>

/** The abi is what checks these: `encodeFunctionData` throws for arguments that do not fit. */
const encodeConsensus = (functionName: string, args: readonly unknown[]): Hex =>
  encodeFunctionData({ abi: taskConsensusAbi as never, functionName, args } as never)
const encodeRegistry = (functionName: string, args: readonly unknown[]): Hex =>
  encodeFunctionData({ abi: nodeRegistryAbi as never, functionName, args } as never)
