import type { Address } from '../../base/hex.js'
import { formatCnx } from '../../base/units.js'
import type { TaskProgress } from '../../roles/app/taskProgress.js'
import type { DevnetEvent } from '../../roles/devnet/startDevnet.js'
import { DEMO_STEPS, type DemoStepId } from '../../ui/demoView.js'
import type { StepView } from '../../ui/stepView.js'

/** Shows what happens in the devnet. */
export const showDevnetEvent =
  (view: StepView<DemoStepId>) =>
  (event: DevnetEvent): void => {
    switch (event.at) {
      case 'chain':
        view.done('chain', event.url)
        break
      case 'note':
        view.note('contracts', event.text)
        break
      case 'contracts':
        view.done('contracts', `TaskConsensus ${event.profile.contracts.consensus}`)
        break
      case 'relay':
        view.done('relay', event.url)
        break
      case 'node':
        view.note('nodes', `${event.ready} of ${event.wanted} are in the draw`)
        if (event.ready === event.wanted) view.done('nodes', `${event.wanted} are in the draw`)
        break
      default:
    }
  }

/**
 * Shows what happens to the task. Whatever comes implies what came before it: a quick network may skip a step's own event.
 *
 * @param nameOf a node's name for people, from its address
 */
export const showTaskProgress = (
  view: StepView<DemoStepId>,
  { nameOf }: { nameOf(node: Address): string },
): ((event: TaskProgress) => void) => {
  // How many nodes have done what they should in a step; it may end without the third.
  const reached = new Map<DemoStepId, string>()
  return (event) => {
    const doneUpTo = (last: DemoStepId, text?: string) => {
      for (const { id } of DEMO_STEPS) {
        if (id === last) break
        view.done(id, reached.get(id))
      }
      view.done(last, text ?? reached.get(last))
    }
    switch (event.at) {
      case 'prepared':
        view.note('pay', `${formatCnx(event.feeWei)} CNX`)
        break
      case 'transaction':
        if (event.what === 'deposit') view.note('pay', 'deposited with a permit, in one transaction')
        if (event.what === 'create') doneUpTo('pay', `the fee is in escrow, ${event.gasUsed} gas`)
        break
      case 'drawn':
        doneUpTo('draw', event.nodes.map(nameOf).join(', '))
        break
      case 'argumentsSent':
        doneUpTo('arguments', `${event.bytes} bytes that only they can open`)
        break
      case 'committed':
        reached.set('commit', `${event.count} of 3 have committed`)
        view.note('commit', `${event.count} of 3 have committed`)
        if (event.count === 3) doneUpTo('commit')
        break
      case 'revealed':
        doneUpTo('commit')
        view.note('reveal', `${event.count} of 3 have revealed`)
        break
      case 'uploadAwaited':
        doneUpTo('reveal', 'they agree')
        view.note('upload', nameOf(event.uploader))
        break
      case 'completed':
        doneUpTo('upload', event.uploader ? `by ${nameOf(event.uploader)}` : undefined)
        break
      case 'verified':
        doneUpTo('verify', 'its score is the one that the nodes agreed on')
        break
      case 'written':
        doneUpTo('write', event.paths.join(', '))
        break
      case 'acknowledged':
        doneUpTo('delete', event.receipt ? 'receipt signed' : 'without a receipt')
        break
      default:
    }
  }
}
