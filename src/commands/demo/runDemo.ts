import { parseCnx } from '../../base/units.js'
import { type GasUse, readGasUse } from '../../chain/read/gasUse.js'
import type { Context } from '../../context.js'
import type { TaskArguments } from '../../core/task/arguments.js'
import { createRelayClient } from '../../relayClient/client.js'
import { submitTask } from '../../roles/app/submitTask.js'
import type { SubmitResult } from '../../roles/app/taskReport.js'
import { readRelayHoldings } from '../../roles/devnet/relayHoldings.js'
import { type Devnet, startDevnet } from '../../roles/devnet/startDevnet.js'
import type { DemoReport, DemoStepId } from '../../ui/demoView.js'
import type { StepView } from '../../ui/stepView.js'
import { showDevnetEvent, showTaskProgress } from './showProgress.js'

const FEE_WEI = parseCnx('30')
const EXECUTION_TIMEOUT_SECONDS = 120
const QUEUE_TIMEOUT_MS = 60_000

export type DemoOptions = { task: TaskArguments; out: string; keep?: string | undefined }

/**
 * A network from nothing, one task, and the end of the network. Composes the devnet's and the application's role, which do
 * not know of each other.
 */
export async function runDemo(
  { clock, logger, signal: stopped }: Pick<Context, 'clock' | 'logger' | 'signal'>,
  view: StepView<DemoStepId>,
  { task, out, keep }: DemoOptions,
): Promise<DemoReport> {
  // Here, unlike in `devnet run`, a process that ends early means that the demonstration has failed.
  const lost = new AbortController()
  const signal = AbortSignal.any([stopped, lost.signal])
  const show = showDevnetEvent(view)
  const startedAt = clock.now()
  try {
    const devnet = await startDevnet(
      {
        clock,
        signal,
        environment: process.env,
        onEvent: (event) => (event.at === 'lost' ? lost.abort(event.error) : show(event)),
      },
      { nodes: 3, faults: new Map(), keep },
    )
    try {
      const readyAt = clock.now()
      const { chain, app, profile, relay } = devnet
      const openRelay = (url: string) => createRelayClient({ url, wallet: app.wallet, chainId: profile.chainId, clock })
      const result = await submitTask(
        {
          chain: devnet.writer(app),
          wallet: app.wallet,
          openRelay,
          dataFolder: app.dataFolder,
          clock,
          logger,
          signal,
          onProgress: showTaskProgress(view, { nameOf: (node) => `node ${numberOf(devnet, node)}` }),
        },
        {
          task,
          feeWei: FEE_WEI,
          executionTimeoutSeconds: EXECUTION_TIMEOUT_SECONDS,
          out: { path: out, force: true },
          queueTimeoutMs: QUEUE_TIMEOUT_MS,
        },
      )
      const [gas, holdings] = await Promise.all([
        readGasUse(chain),
        readRelayHoldings(
          { relayFolder: devnet.folder.relay, relay: openRelay(relay.url), signal },
          { taskId: result.taskId },
        ),
      ])
      const stoppingAt = clock.now()
      await devnet.close()
      view.done('stop')
      const times = { startMs: readyAt - startedAt, stopMs: clock.now() - stoppingAt, totalMs: clock.now() - startedAt }
      return {
        ...reportOfTask(devnet, result),
        // The owner's settings are no part of anybody's task.
        gas: gas.filter(({ function: name }) => !name.startsWith('set')).map(gasReport),
        timings: timingReport(result, times),
        relay: { ...holdings, deletion: result.deletion },
        kept: devnet.folder.kept ? devnet.folder.path : null,
      }
    } finally {
      await devnet.close()
    }
  } catch (error) {
    const reason: unknown = lost.signal.aborted && !stopped.aborted ? lost.signal.reason : error
    view.fail(reason instanceof Error ? reason.message : String(reason))
    throw reason
  }
}

const numberOf = ({ nodes }: Devnet, address: string): number =>
  nodes.find((node) => node.address.toLowerCase() === address.toLowerCase())?.number ?? 0

const reportOfTask = (devnet: Devnet, result: SubmitResult) => ({
  picture: result.files[0]?.path ?? '',
  taskId: result.taskId,
  score: result.score,
  agreed: result.nodes.every(({ agrees }) => agrees),
  nodes: result.nodes
    .map(({ address, score, agrees, paidWei }) => ({
      number: numberOf(devnet, address),
      address,
      score,
      agrees,
      paidWei,
    }))
    .sort((a, b) => a.number - b.number),
  application: result.creator,
  feeWei: result.feeWei,
})

const gasReport = ({
  function: transaction,
  count,
  leastGas,
  mostGas,
  totalGas,
}: GasUse): DemoReport['gas'][number] => ({
  transaction,
  count,
  leastGas: leastGas.toString(),
  mostGas: mostGas.toString(),
  totalGas: totalGas.toString(),
})

const timingReport = (
  { timings }: SubmitResult,
  { startMs, stopMs, totalMs }: { startMs: number; stopMs: number; totalMs: number },
): DemoReport['timings'] => [
  { what: 'start the network', ms: startMs },
  { what: 'pay', ms: timings.payMs },
  { what: 'draw', ms: timings.drawMs },
  { what: 'seal and send the prompt', ms: timings.sendArgumentsMs },
  { what: 'make the picture on three nodes, commit', ms: timings.computeMs },
  { what: 'reveal', ms: timings.revealMs },
  { what: 'upload', ms: timings.uploadMs },
  { what: 'fetch, open, verify, write', ms: timings.fetchMs + timings.writeMs },
  { what: 'delete at the relay', ms: timings.acknowledgeMs },
  { what: 'stop the network', ms: stopMs },
  { what: 'together', ms: totalMs },
]
