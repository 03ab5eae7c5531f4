import { randomBytes } from 'node:crypto'
import { bytesToHex, type Hex, hexToBytes } from '../../base/hex.js'
import type { ChainReader } from '../../chain/client.js'
import { readChainTime } from '../../chain/read/chainTime.js'
import { readRevealSalt } from '../../chain/read/revealSalt.js'
import type { ChainTask } from '../../chain/read/task.js'
import type { Outcome } from '../../protocol/outcome.js'
import type { Work } from './executeTask.js'
import type { Fault } from './faults.js'

export type Reveal = { outcome: Outcome; score: Hex; salt: Hex }

/** The decisions in which an honest node and a faulty one differ. */
export type Behaviour = {
  /** False: make something up instead of working. */
  works: boolean
  /** What is kept of the finished work. */
  work(work: Work): Work
  /** The commitment to send now, or null to wait. `own` is the honest one. */
  commitment(task: ChainTask, own: Hex): Promise<Hex | null>
  /** The reveal to send now, or null to wait. */
  reveal(task: ChainTask, own: Reveal): Promise<Reveal | null>
}

/** Works, commits to its own result, reveals it. */
export const honestBehaviour: Behaviour = {
  works: true,
  work: (work) => work,
  commitment: async (_task, own) => own,
  reveal: async (_task, own) => own,
}

/** The behaviour of a cheater or a broken node, for drills. */
export function faultyBehaviour(fault: Fault, chain: ChainReader): Behaviour {
  switch (fault) {
    case 'wrong-result':
      return { ...honestBehaviour, work: (work) => ({ ...work, score: invert(work.score) }) }
    case 'bad-upload':
      // The score is honest, the files are noise: only the application can notice.
      return {
        ...honestBehaviour,
        work: (work) => ({
          ...work,
          sealedFiles: work.sealedFiles.map((file) => new Uint8Array(randomBytes(file.length))),
        }),
      }
    case 'silent':
      return { ...honestBehaviour, works: false, commitment: async () => null }
    case 'late':
      return {
        ...honestBehaviour,
        commitment: async (task, own) => ((await readChainTime(chain)) > task.commitDeadline ? own : null),
      }
    case 'copy-commit':
      return {
        ...honestBehaviour,
        works: false,
        commitment: async (task) => task.slots.find((slot) => slot.committed && !isMine(slot.node))?.commitment ?? null,
        reveal: async (task) => {
          const victim = task.slots.find((slot) => slot.revealed && !isMine(slot.node))
          if (!victim) return null
          const salt = await readRevealSalt(chain, { taskId: task.id, node: victim.node })
          return salt ? { outcome: victim.outcome, score: victim.score, salt } : null
        },
      }
  }

  function isMine(node: string): boolean {
    return (
      'account' in chain &&
      (chain as { account: { address: string } }).account.address.toLowerCase() === node.toLowerCase()
    )
  }
}

const invert = (score: Hex): Hex => bytesToHex(hexToBytes(score).map((byte) => byte ^ 0xff))
