import { Command, Option } from 'commander'
import { InvalidInputError } from '../../base/errors.js'
import { parseCnx } from '../../base/units.js'
import { withContext } from '../../context.js'
import type { Device } from '../../core/devices/device.js'
import { FAULTS, type Fault } from '../../roles/node/faults.js'
import { pullShowing } from '../models/openPuller.js'
import { parseAddress } from '../options/address.js'
import { devicesOption } from '../options/device.js'
import { parseDuration } from '../options/duration.js'
import { gpuModelHash, parseVram } from '../options/hardware.js'

/** `crynux node start` */
export const nodeStartCommand = () =>
  new Command('start')
    .description('Join the network if needed and serve tasks until stopped')
    .option('--stake <cnx>', "stake for joining, in CNX (default: the network's minimum)", parseCnx)
    .addOption(devicesOption())
    .option('--gpu-model <name>', 'the GPU, as other nodes of the same model name it (default: found out; CPU for cpu)')
    .option('--vram-gb <number>', 'memory of the GPU in GB (default: found out; 4 for cpu)', parseVram)
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
    .addOption(
      new Option(
        '--models <ids>',
        'hub ids or URLs, separated by commas: fetched before joining, and kept while it runs',
      )
        .env('CRYNUX_MODELS')
        .argParser((text: string) => text.split(',').map((id) => id.trim())),
    )
    .option('--fault <kind>', `cheat or fail on purpose, on chain 31337 only: ${FAULTS.join(', ')}`, parseFault)
    .addHelpText(
      'after',
      `
Examples:
  $ crynux node start --keystore node.json --password-file node.pw --network network.json
  $ crynux node start --devices cuda:0,cuda:1
  $ crynux node start --once --devices webgpu --gpu-model "AMD Radeon RX 7900 XTX (webgpu)" --vram-gb 24
  $ crynux node start --models owner/stable-diffusion-onnx,owner/chat-onnx`,
    )
    .action(async (options: StartOptions, command: Command) => {
      const [{ runNode }, { openDevices }, { createModelStore }, { createRelayClient }] = await Promise.all([
        import('../../roles/node/runNode.js'),
        import('../../roles/node/openDevices.js'),
        import('../../models/modelStore.js'),
        import('../../relayClient/client.js'),
      ])
      const beneficiary = options.beneficiary === undefined ? undefined : await parseAddress(options.beneficiary)
      await withContext(
        command,
        async (context) => {
          const { clock, logger, output, signal, dataFolder } = context
          const [chain, wallet] = await Promise.all([context.writer(), context.wallet()])
          const places = { modelRoots: context.modelRoots, cacheFolder: await context.modelCacheFolder() }
          // A task's deadline leaves no time to fetch gigabytes, and who creates tasks must not fill our disk.
          const models = createModelStore(places)
          const announced = createModelStore({ ...places, pull: await pullShowing(context) })
          const { engine, hardware, known } = await openDevices(
            { logger, clock, signal, modelFolder: models.modelFolder, cacheFolder: context.cacheFolder },
            options,
          )
          try {
            for (const id of options.models ?? []) await announced.modelFolder(id)
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
                gpuModel: await gpuModelHash(hardware.gpuModel),
                vramGb: hardware.vramGb,
                hardwareIsKnown: known,
                beneficiary,
                once: options.once === true,
                startQueuedTasks: options.startQueuedTasks === 'on',
                fault: options.fault,
                drainTimeoutMs: options.drainTimeout,
              },
            )
          } finally {
            await engine.close()
            await models.close()
            await announced.close()
          }
        },
        { defaultLogLevel: 'info', finishesWork: true },
      )
    })

type StartOptions = {
  stake?: bigint
  devices: Device[]
  gpuModel?: string
  vramGb?: number
  beneficiary?: string
  once?: true
  startQueuedTasks: 'on' | 'off'
  drainTimeout: number
  models?: string[]
  fault?: Fault
}

function parseFault(text: string): Fault {
  const fault = FAULTS.find((known) => known === text)
  if (fault) return fault
  throw new InvalidInputError(`'${text}' is not a fault`, { remedy: `The faults are ${FAULTS.join(', ')}.` })
}
