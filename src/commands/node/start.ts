import { Command, Option } from 'commander'
import { InvalidInputError } from '../../base/errors.js'
import { parseCnx } from '../../base/units.js'
import { withContext } from '../../context.js'
import { FAULTS, type Fault } from '../../roles/node/faults.js'
import { parseAddress } from '../options/address.js'
import { parseDuration } from '../options/duration.js'
import { gpuModelHash, parseVram } from '../options/hardware.js'

/** `crynux node start` */
export const nodeStartCommand = () =>
  new Command('start')
    .description('Join the network if needed and serve tasks until stopped')
    .option('--stake <cnx>', "stake for joining, in CNX (default: the network's minimum)", parseCnx)
    .option('--gpu-model <name>', 'the GPU, as other nodes of the same model name it', 'CPU')
    .option('--vram-gb <number>', 'memory of the GPU in GB', parseVram, 4)
    .option('--beneficiary <address>', 'cold address for earnings and returned stake (default: the wallet itself)')
    .option('--once', 'end after one finished task')
    .addOption(
      new Option('--drain-timeout <duration>', 'how long SIGTERM may wait for the present task; 0 leaves at once')
        .argParser(parseDuration)
        .default(120_000, '2m'),
    )
    .addOption(
      new Option('--start-queued-tasks <on|off>', "start others' tasks that nobody starts; costs gas, brings work")
        .env('CRYNUX_START_QUEUED_TASKS')
        .choices(['on', 'off'])
        .default('on'),
    )
    .option('--fault <kind>', `cheat or fail on purpose, on chain 31337 only: ${FAULTS.join(', ')}`, parseFault)
    .addHelpText(
      'after',
      `
Examples:
  $ crynux node start --keystore node.json --password-file node.pw --network network.json
  $ crynux node start --once --gpu-model "NVIDIA RTX 4090" --vram-gb 24`,
    )
    .action(async (options: StartOptions, command: Command) => {
      const [{ runNode }, { createInferenceEngine }, { createModelStore }, { createRelayClient }] = await Promise.all([
        import('../../roles/node/runNode.js'),
        import('../../core/inference/engine.js'),
        import('../../models/modelStore.js'),
        import('../../relayClient/client.js'),
      ])
      const beneficiary = options.beneficiary === undefined ? undefined : await parseAddress(options.beneficiary)
      await withContext(
        command,
        async (context) => {
          const { clock, logger, output, signal, dataFolder } = context
          const [chain, wallet] = await Promise.all([context.writer(), context.wallet()])
          const engine = createInferenceEngine({
            modelFolder: createModelStore({ modelRoots: context.modelRoots }).modelFolder,
            logger,
            cacheFolder: context.cacheFolder,
          })
          try {
            await runNode(
              {
                chain,
                wallet,
                engine,
                dataFolder,
                clock,
                logger,
                openRelay: (url) => createRelayClient({ url, wallet, chainId: chain.profile.chainId }),
                onReady: (node) => output.note(`node ${node} is in the draw`),
              },
              {
                signal,
                stakeWei: options.stake,
                gpuModel: await gpuModelHash(options.gpuModel),
                vramGb: options.vramGb,
                beneficiary,
                once: options.once === true,
                startQueuedTasks: options.startQueuedTasks === 'on',
                fault: options.fault,
                drainTimeoutMs: options.drainTimeout,
              },
            )
          } finally {
            await engine.close()
          }
        },
        { defaultLogLevel: 'info', finishesWork: true },
      )
    })

type StartOptions = {
  stake?: bigint
  gpuModel: string
  vramGb: number
  beneficiary?: string
  once?: true
  startQueuedTasks: 'on' | 'off'
  drainTimeout: number
  fault?: Fault
}

function parseFault(text: string): Fault {
  const fault = FAULTS.find((known) => known === text)
  if (fault) return fault
  throw new InvalidInputError(`'${text}' is not a fault`, { remedy: `The faults are ${FAULTS.join(', ')}.` })
}
