import { Command } from 'commander'
import { type Context, withContext } from '../context.js'
import { parseAddress, parseTaskId } from './options/address.js'
import { ownAddress } from './options/ownAddress.js'

/** `crynux stats`: what anybody can read on the chain. */
export const statsCommand = (): Command =>
  new Command('stats')
    .description('Numbers of the network, its nodes and tasks, as anybody can read them on chain')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux stats network
  $ crynux stats nodes --json
  $ crynux stats node 0x…`,
    )
    .addCommand(verb('network', 'The whole network: nodes, tasks, money', showNetwork), { isDefault: true })
    .addCommand(verb('nodes', 'Every node: status, stake, penalties, slashes, earnings, success rate', showNodes))
    .addCommand(
      verb('node', 'One node', showNode).argument('[address]', "the node's wallet address (default: your own)"),
    )
    .addCommand(verb('task', 'One task: its nodes, scores and payments', showTask).argument('<id>', "the task's id"))

function verb(
  name: string,
  description: string,
  show: (context: Context, argument: string | undefined) => Promise<void>,
) {
  // commander passes the arguments, then the options, then the command.
  return new Command(name).description(description).action(async (...passed: unknown[]) => {
    const [argument] = passed
    await withContext(passed.at(-1) as Command, (context) =>
      show(context, typeof argument === 'string' ? argument : undefined),
    )
  })
}

async function showNetwork({ chain, output }: Context): Promise<void> {
  const [{ readNetwork }, { formatNetwork }] = await Promise.all([
    import('../chain/read/network.js'),
    import('../ui/formatStats.js'),
  ])
  output.result('crynux.stats.network/v1', await readNetwork(await chain()), formatNetwork)
}

async function showNodes({ chain, output }: Context): Promise<void> {
  const [{ readNodes }, { formatNodes }] = await Promise.all([
    import('../chain/read/nodes.js'),
    import('../ui/formatStats.js'),
  ])
  output.result('crynux.stats.nodes/v1', { nodes: await readNodes(await chain()) }, formatNodes)
}

async function showNode(context: Context, address: string | undefined): Promise<void> {
  const [{ readNodeReport }, { formatNodeReport }] = await Promise.all([
    import('../roles/operator/readNodeReport.js'),
    import('../ui/formatStats.js'),
  ])
  const node = address === undefined ? await ownAddress(context) : await parseAddress(address)
  const report = await readNodeReport(await context.chain(), { node })
  context.output.result('crynux.stats.node/v1', report, formatNodeReport)
}

async function showTask({ chain, output }: Context, id = ''): Promise<void> {
  const [{ readTaskReport }, { formatTaskReport }] = await Promise.all([
    import('../roles/operator/readTaskReport.js'),
    import('../ui/formatStats.js'),
  ])
  const report = await readTaskReport(await chain(), { taskId: parseTaskId(id) })
  output.result('crynux.stats.task/v1', report, formatTaskReport)
}
