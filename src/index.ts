/**
 * Crynux as a library: submit a task from an application.
 *
 * ```ts
 * const profile = await loadNetworkProfile('network.json')
 * const wallet = await openKeystore({ path: 'keystore.json', password })
 * const reader = await createChainReader({ profile, rpcUrl: 'http://127.0.0.1:8545' })
 * const result = await submitTask(
 *   {
 *     chain: createChainWriter(reader, wallet),
 *     wallet,
 *     openRelay: (url) => createRelayClient({ url, wallet, chainId: profile.chainId }),
 *     dataFolder: 'crynux-data',
 *     clock: systemClock,
 *     logger: silentLogger,
 *     signal: new AbortController().signal, // abort it to stop; the task can be resumed
 *   },
 *   {
 *     task: parseTaskArguments({ base_model: 'embedded:tiny-shapes', prompt: 'a big red circle', task_config: { num_images: 1 } }),
 *     key: 'order-4711',
 *     feeWei: parseCnx('30'),
 *     executionTimeoutSeconds: 300,
 *     queueTimeoutMs: 600_000,
 *     out: { path: 'pictures/', force: false },
 *   },
 * )
 * ```
 */
export { type Clock, systemClock } from './base/clock.js'
export { CrynuxError, EXIT, type ExitCode } from './base/errors.js'
export { type Logger, silentLogger } from './base/logger.js'
export { formatCnx, parseCnx } from './base/units.js'
export { type ChainReader, type ChainWriter, createChainReader, createChainWriter } from './chain/client.js'
export { parseTaskArguments, type TaskArguments } from './core/task/arguments.js'
export { type NetworkProfile, parseNetworkProfile } from './protocol/networkProfile.js'
export { createWallet, type Wallet } from './protocol/wallet.js'
export { createRelayClient, type RelayClient } from './relayClient/client.js'
export { type CancelResult, cancelQueuedTask } from './roles/app/cancelQueuedTask.js'
export { planTask, type TaskPlan } from './roles/app/planTask.js'
export type { SubmitOptions } from './roles/app/prepareTask.js'
export { type ListedTask, listTasks, readTaskStatus, type TaskStatus } from './roles/app/readTaskStatus.js'
export { resumeTask, submitTask } from './roles/app/submitTask.js'
export type { TaskProgress } from './roles/app/taskProgress.js'
export type { SubmitResult } from './roles/app/taskReport.js'
export type { AppDependencies } from './roles/app/taskSession.js'
export { openKeystore } from './store/keystore.js'
export { loadNetworkProfile } from './store/networkProfile.js'
