import { Command } from 'commander'
import { withContext } from '../../context.js'

/** `crynux node devices` */
export const nodeDevicesCommand = (): Command =>
  new Command('devices')
    .description('List what this machine can compute on, and why it cannot on the rest')
    .addHelpText(
      'after',
      `
Each device is tried with a small computation in a process of its own.

Examples:
  $ crynux node devices
  $ crynux node devices --json`,
    )
    .action(async (_options: unknown, command: Command) => {
      const [{ readDevices }, { formatDevices }] = await Promise.all([
        import('../../roles/operator/readDevices.js'),
        import('../../ui/formatDevices.js'),
      ])
      await withContext(command, async ({ output, signal }) => {
        output.result('crynux.node-devices/v1', await readDevices(signal), formatDevices)
      })
    })
