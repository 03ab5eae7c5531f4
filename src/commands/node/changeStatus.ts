import type { Command } from 'commander'
import { withContext } from '../../context.js'
import type { NodeStatusChange } from '../../roles/operator/changeNodeStatus.js'

/** Runs one of the commands that move the wallet's node from status to status. */
export const changeStatus = (command: Command, change: NodeStatusChange): Promise<void> =>
  withContext(command, async ({ output, writer }) => {
    const [{ changeNodeStatus }, { formatNodeStatus }] = await Promise.all([
      import('../../roles/operator/changeNodeStatus.js'),
      import('../../ui/formatStake.js'),
    ])
    output.result(`crynux.node-${change}/v1`, await changeNodeStatus(await writer(), { change }), formatNodeStatus)
  })
