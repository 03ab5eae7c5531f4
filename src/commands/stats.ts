import { Command } from 'commander'
import type { ChainReader } from '../chain/client.js'
import { type Context, withContext } from '../context.js'
import { parseAddress, parseTaskId } from './options/address.js'
import { ownAddress } from './options/ownAddress.js'

/** `crynux stats`: what anybody can read on the chain. */
export const statsCommand = (): Command =>
  new Command('stats')
    .description('Numbers of the network (the default), its nodes and tasks, as anybody can read them on chain')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux stats network
  $ crynux stats nodes --json
  $ crynux stats nodes --watch
  $ crynux stats node 0x…
  $ crynux stats task 0x…`,
    )
    .addCommand(watchable(verb('network', 'The whole network: nodes, tasks, money', showNetwork)), { isDefault: true })
    .addCommand(
      watchable(verb('nodes', 'Every node: status, stake, penalties, slashes, earnings, success rate', showNodes)),
    )
    .addCommand(
      verb('node', 'One node', showNode).argument('[address]', "the node's wallet address (default: your own)"),
    )
    .addCommand(verb('task', 'One task: its nodes, scores and payments', showTask).argument('<id>', "the task's id"))

type Options = { watch?: true }

const EXAMPLES: Readonly<Record<string, string>> = {
  network: '\nExamples:\n  $ crynux stats network --network network.json',
  nodes: '\nExamples:\n  $ crynux stats nodes\n  $ crynux stats nodes --json',
  node: '\nExamples:\n  $ crynux stats node 0x…',
  task: '\nExamples:\n  $ crynux stats task 0x…',
}

function verb(
  name: string,
  description: string,
  show: (context: Context, argument: string | undefined, options: Options) => Promise<void>,
) {
  // commander passes the arguments, then the options, then the command.
  return new Command(name)
    .description(description)
    .addHelpText('after', EXAMPLES[name] ?? '')
    .action(async (...passed: unknown[]) => {
      const [argument] = passed
      await withContext(passed.at(-1) as Command, (context) =>
        show(context, typeof argument === 'string' ? argument : undefined, passed.at(-2) as Options),
      )
    })
}

const watchable = (command: Command): Command =>
  command.option('--watch', 'show it again at each new block, until q or Ctrl-C; JSON lines with --json')

type View<T> = { schema: string; read(chain: ChainReader): Promise<T>; format(data: T): string }

async function showOrWatch<T>(context: Context, { schema, read, format }: View<T>, { watch }: Options): Promise<void> {
  const { output, signal } = context
  const chain = await context.chain()
  if (!watch) return output.result(schema, await read(chain), format)
  const [{ watchResult }, { watchBlocks }] = await Promise.all([
    import('../ui/watchResult.js'),
    import('../chain/watch.js'),
  ])
  await watchResult(output, {
    schema,
    format,
    read: () => read(chain),
    onChange: ({ signal: until, changed }) => watchBlocks(chain, { signal: until, onBlock: changed }),
    signal,
    isTerminal: process.stdout.isTTY === true && process.stdout.columns > 0 && process.stdin.isTTY === true,
  })
}

async function showNetwork(context: Context, _argument: string | undefined, options: Options): Promise<void> {
  const [{ readNetwork }, { formatNetwork }] = await Promise.all([
    import('../chain/read/network.js'),
    import('../ui/formatStats.js'),
  ])
  const view = { schema: 'crynux.stats-network/v1', read: readNetwork, format: formatNetwork }
  await showOrWatch(context, view, options)
}

async function showNodes(context: Context, _argument: string | undefined, options: Options): Promise<void> {
  const [{ readNodes }, { formatNodes }] = await Promise.all([
    import('../chain/read/nodes.js'),
    import('../ui/formatStats.js'),
  ])
  const read = async (chain: ChainReader) => ({ nodes: await readNodes(chain) })
  await showOrWatch(context, { schema: 'crynux.stats-nodes/v1', read, format: formatNodes }, options)
}

async function showNode(context: Context, address: string | undefined): Promise<void> {
  const [{ readNodeReport }, { formatNodeReport }] = await Promise.all([
    import('../roles/operator/readNodeReport.js'),
    import('../ui/formatStats.js'),
  ])
  const node = address === undefined ? await ownAddress(context) : await parseAddress(address)
  const report = await readNodeReport(await context.chain(), { node })
  context.output.result('crynux.stats-node/v1', report, formatNodeReport)
}

async function showTask({ chain, output }: Context, id = ''): Promise<void> {
  const [{ readTaskReport }, { formatTaskReport }] = await Promise.all([
    import('../roles/operator/readTaskReport.js'),
    import('../ui/formatStats.js'),
  ])
  const taskId = parseTaskId(id)
  const report = await readTaskReport(await chain(), { taskId })
  output.result('crynux.stats-task/v1', report, formatTaskReport)
}
