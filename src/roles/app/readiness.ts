import { InvalidInputError } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'
import { formatCnx } from '../../base/units.js'
import { readAvailableCount } from '../../chain/read/availableCount.js'
import { readNode } from '../../chain/read/node.js'
import { readNodes } from '../../chain/read/nodes.js'
import { readParameters } from '../../chain/read/parameters.js'
import { readRelays } from '../../chain/read/relays.js'
import { type RelayClient, RelayRefusedError } from '../../relayClient/client.js'
import { ANY_GPU, type SubmitOptions } from './prepareTask.js'
import { NoNodesError, NoRelayError } from './taskErrors.js'
import type { AppDependencies } from './taskSession.js'
import { requirementsOf } from './taskShape.js'

/** Everything that would make the task fail and can be known before it is paid. Returns the relay to name. */
export async function readinessBeforePaying(
  dependencies: AppDependencies,
  options: SubmitOptions,
  taskId: Hex,
): Promise<Address> {
  const { openRelay, signal } = dependencies
  await requireWithinLimits(dependencies, options)
  const relay = await chooseRelay(dependencies, options.relay)
  await requireRelay(openRelay(relay.url), { taskId, signal })
  if (!options.waitForNodes) await requireThreeNodes(dependencies, options)
  return relay.address
}

/**
 * Compares timeout and fee with what the network takes.
 *
 * @throws InvalidInputError
 */
export async function requireWithinLimits(
  { chain }: Pick<AppDependencies, 'chain'>,
  options: SubmitOptions,
): Promise<void> {
  const parameters = await readParameters(chain)
  const { minimumExecutionTimeoutSeconds: low, maximumExecutionTimeoutSeconds: high, minimumFeeWei } = parameters
  if (options.executionTimeoutSeconds < low || options.executionTimeoutSeconds > high) {
    throw new InvalidInputError(
      `the timeout is ${options.executionTimeoutSeconds} s; this network takes ${low} to ${high} s`,
      { remedy: `Choose a --timeout between ${low}s and ${high}s.` },
    )
  }
  if (options.feeWei < minimumFeeWei) {
    throw new InvalidInputError(
      `the fee is ${formatCnx(options.feeWei)} CNX; this network takes no less than ${formatCnx(minimumFeeWei)} CNX`,
      { remedy: `Choose a --fee of ${formatCnx(minimumFeeWei)} or more; nodes are paid from it.` },
    )
  }
}

/** A relay that lets this wallet sign in and reads this chain answers `not-found` for a task that is not there yet. */
async function requireRelay(
  relay: RelayClient,
  { taskId, signal }: { taskId: Hex; signal: AbortSignal },
): Promise<void> {
  try {
    await relay.listResults(taskId, { signal })
  } catch (error) {
    if (!(error instanceof RelayRefusedError) || error.problem !== 'not-found') throw error
  }
}

export async function chooseRelay({ chain }: AppDependencies, wanted: string | undefined) {
  const relays = await readRelays(chain)
  const isWanted = ({ address, url }: { address: string; url: string }) =>
    address.toLowerCase() === wanted?.toLowerCase() || url.replace(/\/$/, '') === wanted?.replace(/\/$/, '')
  const relay = wanted === undefined ? relays[0] : relays.find(isWanted)
  if (relay) return relay
  throw wanted === undefined
    ? new NoRelayError('the network has no relay', { remedy: "Ask the network's operator to register one." })
    : new NoRelayError(`'${wanted}' is none of the network's ${relays.length} relays`, {
        remedy: 'Give --relay the address or URL of one of them, or leave it out.',
      })
}

/** Free nodes are the quick answer; only when they are too few are the busy ones counted, who will be free again. */
async function requireThreeNodes({ chain }: AppDependencies, options: SubmitOptions): Promise<void> {
  const requirements = requirementsOf({
    kind: options.task.kind,
    minVramGb: options.minVramGb ?? 0,
    gpuModel: options.gpuModel ?? ANY_GPU,
  })
  if ((await readAvailableCount(chain, requirements)) >= 3) return
  const listed = (await readNodes(chain)).filter(({ status }) => status === 'available' || status === 'busy')
  const nodes = await Promise.all(listed.map(({ address }) => readNode(chain, { node: address })))
  const groups = new Map<string, number>()
  for (const { vramGb, gpuModel } of nodes) {
    if (!requirements.sameGpu && vramGb < requirements.minVramGb) continue
    if (requirements.sameGpu && requirements.gpuModel !== ANY_GPU && requirements.gpuModel !== gpuModel) continue
    const group = requirements.sameGpu ? gpuModel : ''
    groups.set(group, (groups.get(group) ?? 0) + 1)
  }
  const able = Math.max(0, ...groups.values())
  if (able < 3) throw new NoNodesError(able)
}
