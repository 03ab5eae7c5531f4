import { type Command, Option } from 'commander'
import { InvalidInputError } from '../../base/errors.js'
import { type NodeFaults, parseNodeFault } from '../../roles/devnet/nodeFaults.js'
import type { DevnetEvent, DevnetOptions } from '../../roles/devnet/startDevnet.js'

/** What the flags of {@link addDevnetOptions} parse to. */
export type DevnetFlags = {
  nodes: number
  /** `--fault`, which may be given several times. */
  fault: NodeFaults
  keep?: string
  bytecode?: true
}

/** Adds the flags that describe a devnet. */
export const addDevnetOptions = (command: Command): Command =>
  command
    .option('--nodes <number>', 'how many nodes', parseNodes, 3)
    .addOption(
      new Option(
        '--fault <node=fault>',
        'let a node cheat or fail: wrong-result, silent, late, copy-commit, bad-upload; may be repeated',
      )
        .argParser(collectFault)
        .default(new Map(), 'none'),
    )
    .option('--bytecode', 'deploy the shipped bytecode even where forge is found; some seconds quicker')
    .option('--keep <folder>', 'keep everything in this new or empty folder, also after the end')

/** What every devnet command's --help says about folders and faults. */
export const DEVNET_HELP = `
Everything is in one folder, deleted at the end unless --keep names it: chain/ (anvil's log, the owner's keystore,
network.json), relay/ (database and blobs/), node-1/ …, app/ (the application's wallet and data), devnet.json (who is who).

The draw of a task's three nodes is random, and a drill must meet its cheat. So with --fault, the faulty nodes and just
enough honest ones to make three serve first; the other nodes join as soon as every faulty one has been drawn once.`

/** The role's options from the flags. */
export const devnetOptionsOf = ({ nodes, fault, keep, bytecode }: DevnetFlags): DevnetOptions => ({
  nodes,
  faults: fault,
  keep,
  bytecode,
})

/** What happens in a devnet, in one line. */
export function formatDevnetEvent(event: DevnetEvent): string {
  switch (event.at) {
    case 'chain':
      return `chain ${event.url}`
    case 'note':
      return event.text
    case 'contracts':
      return `contracts deployed: consensus ${event.profile.contracts.consensus}`
    case 'relay':
      return `relay ${event.url}`
    case 'node': {
      const fault = event.fault ? ` (${event.fault})` : ''
      return `node ${event.number} ${event.address}${fault}: ${event.ready} of ${event.wanted} ready`
    }
    case 'spare':
      return `node ${event.number} ${event.address} joined: every faulty node has been drawn`
    case 'lost':
      return `note: ${event.error.message}`
  }
}

function parseNodes(text: string): number {
  if (/^\d{1,3}$/.test(text)) return Number(text)
  throw new InvalidInputError(`--nodes is '${text}', which is not a number of nodes`, {
    remedy: 'Give a number from 3 to 100.',
  })
}

const collectFault = (text: string, faults: NodeFaults): NodeFaults => new Map([...faults, parseNodeFault(text)])
