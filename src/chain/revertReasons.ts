import { EXIT, type ExitCode } from '../base/errors.js'
import { formatCnx } from '../base/units.js'

/** What a contract's refusal means to a user. */
export type RevertReason = { message: string; remedy: string; exitCode: ExitCode }

type Explain = (values: Values) => RevertReason
/** The error's arguments in the order of their declaration, as text. */
type Values = { text(index: number): string; cnx(index: number): string; time(index: number): string }

const LOOK_AGAIN =
  'Someone else was faster, or the state moved on: look at it again (`crynux task status`, `crynux node status`).'
const USE_LEDGER = 'Name a smaller amount or fee; `crynux wallet show` tells what the ledger holds.'
const RANGES = 'Choose a value in this range.'
const INCOMPATIBLE = 'Program and network may be of different versions: use the newest crynux.'
const OWNER_ONLY = 'Only the owner of the network can do this: use its wallet.'
const NODE_STATUSES = ['no node', 'available', 'busy', 'paused', 'about to pause', 'about to leave', 'unbonding']
const TASK_STATES = ['unknown', 'queued', 'started', 'revealing', 'awaiting its upload', 'completed', 'aborted']

const reason =
  (exitCode: ExitCode, remedy: string, message: (values: Values) => string): Explain =>
  (values) => ({ message: message(values), remedy, exitCode })

/** Contract error → sentence and remedy. Every custom error of the contracts has a line; a test compares the two. */
const REASONS: Record<string, Explain> = {
  // token
  ERC20InsufficientBalance: reason(
    EXIT.insufficientFunds,
    'Send CNX to the wallet, or name a smaller amount.',
    ({ cnx }) => `the wallet holds ${cnx(1)} CNX, and ${cnx(2)} CNX are needed`,
  ),
  ERC20InsufficientAllowance: reason(
    EXIT.internal,
    "The wallet's permit was used or overtaken by another transaction: try again.",
    ({ cnx }) => `the contract may take ${cnx(1)} CNX of the wallet, and ${cnx(2)} CNX are needed`,
  ),
  ERC2612ExpiredSignature: reason(
    EXIT.internal,
    'Try again.',
    ({ time }) => `the permit for the wallet's CNX expired at ${time(0)}`,
  ),
  ERC2612InvalidSigner: reason(EXIT.internal, INCOMPATIBLE, () => "the token did not accept the wallet's permit"),

  // registry
  NodeRegistry_AlreadyJoined: reason(
    EXIT.configuration,
    'Add stake with `crynux stake`, or leave first with `crynux unstake`.',
    ({ text }) => `node ${text(0)} has joined already and is ${named(NODE_STATUSES, text(1))}`,
  ),
  NodeRegistry_StillHeld: reason(
    EXIT.temporary,
    'Try again when that task has ended.',
    ({ text }) => `node ${text(0)} was removed while it held a task that has not ended yet`,
  ),
  NodeRegistry_WrongStatus: reason(
    EXIT.configuration,
    'See `crynux node status`; a wallet that is no node joins with `crynux stake` or `crynux node start`.',
    ({ text }) => `this is not possible now: node ${text(0)} is ${named(NODE_STATUSES, text(1))}`,
  ),
  NodeRegistry_StakeTooLow: reason(
    EXIT.insufficientFunds,
    'Stake at least as much as is needed.',
    ({ cnx }) => `a stake of ${cnx(0)} CNX is too low: ${cnx(1)} CNX are needed`,
  ),
  NodeRegistry_StakeTooHigh: reason(
    EXIT.usage,
    'Stake less.',
    ({ cnx }) => `a stake of ${cnx(0)} CNX is more than can be`,
  ),
  NodeRegistry_AmountZero: reason(EXIT.usage, 'Name an amount above 0.', () => 'the amount is 0'),
  NodeRegistry_GpuModelZero: reason(EXIT.usage, 'Name the GPU model.', () => 'no GPU model is named'),
  NodeRegistry_EncryptionKeyZero: reason(EXIT.usage, INCOMPATIBLE, () => 'no encryption key is named'),
  NodeRegistry_VramOutOfRange: reason(
    EXIT.usage,
    RANGES,
    ({ text }) => `${text(0)} GB of GPU memory is out of range: ${text(1)} to ${text(2)} GB`,
  ),
  NodeRegistry_HardwareChangedRecently: reason(
    EXIT.temporary,
    'Try again then.',
    ({ text, time }) => `node ${text(0)} changed its hardware lately, and can do so again from ${time(1)} on`,
  ),
  NodeRegistry_StillUnbonding: reason(
    EXIT.temporary,
    'Come back then, or let `crynux unstake --wait` wait for it.',
    ({ text, time }) => `the stake of node ${text(0)} is locked until ${time(1)}`,
  ),
  NodeRegistry_TooFewNodes: reason(
    EXIT.noNodes,
    'Wait until nodes become free, or ask for less GPU memory or another GPU model.',
    ({ text }) => `only ${text(0)} suitable nodes are free, and three are needed`,
  ),
  NodeRegistry_NotConsensus: reason(
    EXIT.internal,
    INCOMPATIBLE,
    ({ text }) => `${text(0)} is not the network's TaskConsensus`,
  ),
  TaskConsensus_RegistryForeign: reason(
    EXIT.usage,
    'Deploy registry and consensus together.',
    ({ text }) => `the registry ${text(0)} obeys ${text(1)}, not this TaskConsensus`,
  ),

  // ledger
  TaskConsensus_AmountZero: reason(EXIT.usage, 'Name an amount above 0.', () => 'the amount is 0'),
  TaskConsensus_RecipientZero: reason(EXIT.usage, 'Name the recipient.', () => 'no recipient is named'),
  TaskConsensus_InsufficientBalance: reason(
    EXIT.insufficientFunds,
    USE_LEDGER,
    ({ text, cnx }) => `the ledger holds ${cnx(1)} CNX for ${text(0)}, and ${cnx(2)} CNX are needed`,
  ),

  // creating and starting
  TaskConsensus_TaskExists: reason(
    EXIT.internal,
    'Continue that task, or choose another key.',
    ({ text }) => `task ${text(0)} exists already`,
  ),
  TaskConsensus_TaskUnknown: reason(
    EXIT.usage,
    'Check the id and the network.',
    ({ text }) => `there is no task ${text(0)}`,
  ),
  TaskConsensus_WrongState: reason(
    EXIT.internal,
    LOOK_AGAIN,
    ({ text }) => `this is not possible now: task ${text(0)} is ${named(TASK_STATES, text(1))}`,
  ),
  TaskConsensus_FeeOutOfRange: reason(
    EXIT.usage,
    RANGES,
    ({ cnx }) => `a fee of ${cnx(0)} CNX is out of range: ${cnx(1)} to ${cnx(2)} CNX`,
  ),
  TaskConsensus_ImageCountOutOfRange: reason(
    EXIT.usage,
    RANGES,
    ({ text }) => `${text(0)} images are out of range: ${text(1)} to ${text(2)}`,
  ),
  TaskConsensus_ExecutionTimeoutOutOfRange: reason(
    EXIT.usage,
    RANGES,
    ({ text }) => `an execution timeout of ${text(0)} s is out of range: ${text(1)} to ${text(2)} s`,
  ),
  TaskConsensus_VramOutOfRange: reason(
    EXIT.usage,
    RANGES,
    ({ text }) => `${text(0)} GB of GPU memory is more than can be asked for: ${text(1)} GB`,
  ),
  TaskConsensus_ArgsHashZero: reason(EXIT.usage, INCOMPATIBLE, () => 'the hash of the arguments is missing'),
  TaskConsensus_DrawTooEarly: reason(
    EXIT.temporary,
    'Try again in the next block.',
    ({ text }) => `the nodes of task ${text(0)} can be drawn after block ${text(1)}; this is block ${text(2)}`,
  ),
  TaskConsensus_NotCreator: reason(
    EXIT.configuration,
    'Use the wallet that created it.',
    ({ text }) => `${text(1)} did not create task ${text(0)}`,
  ),
  TaskConsensus_CanStart: reason(
    EXIT.usage,
    'Let it run: `crynux task wait`. A queued task can be cancelled while too few nodes are free for it.',
    ({ text }) => `nodes are free for task ${text(0)}, so that it cannot be cancelled any more`,
  ),

  // commit and reveal
  TaskConsensus_NotDrawn: reason(
    EXIT.internal,
    LOOK_AGAIN,
    ({ text }) => `${text(1)} was not drawn for task ${text(0)}`,
  ),
  TaskConsensus_CommitmentZero: reason(
    EXIT.internal,
    INCOMPATIBLE,
    ({ text }) => `the commitment for task ${text(0)} is empty`,
  ),
  TaskConsensus_AlreadyCommitted: reason(
    EXIT.internal,
    LOOK_AGAIN,
    ({ text }) => `${text(1)} has committed to task ${text(0)} already`,
  ),
  TaskConsensus_CommitDeadlinePassed: reason(
    EXIT.timedOut,
    LOOK_AGAIN,
    ({ text, time }) => `commits for task ${text(0)} were possible until ${time(1)}`,
  ),
  TaskConsensus_RevealsNotOpen: reason(
    EXIT.temporary,
    'Wait for the other nodes, or until that time.',
    ({ text, time }) =>
      `reveals for task ${text(0)} are not open: ${text(1)} of 3 nodes have committed, the commit deadline is ${time(2)}`,
  ),
  TaskConsensus_NotCommitted: reason(
    EXIT.internal,
    LOOK_AGAIN,
    ({ text }) => `${text(1)} has not committed to task ${text(0)}`,
  ),
  TaskConsensus_AlreadyRevealed: reason(
    EXIT.internal,
    LOOK_AGAIN,
    ({ text }) => `${text(1)} has revealed for task ${text(0)} already`,
  ),
  TaskConsensus_RevealDeadlinePassed: reason(
    EXIT.timedOut,
    LOOK_AGAIN,
    ({ text, time }) => `reveals for task ${text(0)} were possible until ${time(1)}`,
  ),
  TaskConsensus_OutcomeUnknown: reason(
    EXIT.internal,
    INCOMPATIBLE,
    ({ text }) => `the contract knows no outcome ${text(0)}`,
  ),
  TaskConsensus_ScoreLengthWrong: reason(
    EXIT.internal,
    INCOMPATIBLE,
    ({ text }) => `the score has ${text(0)} bytes, and ${text(1)} are expected`,
  ),
  TaskConsensus_CommitmentMismatch: reason(
    EXIT.internal,
    'The wallet or its journal was changed between commit and reveal; use the same one.',
    ({ text }) => `what ${text(1)} reveals for task ${text(0)} is not what it committed to`,
  ),

  // uploads
  TaskConsensus_NotUploader: reason(
    EXIT.internal,
    LOOK_AGAIN,
    ({ text }) => `${text(1)} is not to upload the result of task ${text(0)}`,
  ),
  TaskConsensus_UploadDeadlinePassed: reason(
    EXIT.timedOut,
    LOOK_AGAIN,
    ({ text, time }) => `the result of task ${text(0)} could be uploaded until ${time(1)}`,
  ),
  TaskConsensus_ResultDigestZero: reason(
    EXIT.internal,
    INCOMPATIBLE,
    ({ text }) => `the result digest for task ${text(0)} is empty`,
  ),
  TaskConsensus_SignerWrong: reason(
    EXIT.relay,
    "The relay at this address signs with another key than the task's relay: check --relay-url.",
    ({ text }) => `the receipt for task ${text(0)} is signed by ${text(1)}, not by its relay ${text(2)}`,
  ),
  TaskConsensus_FaultWindowClosed: reason(
    EXIT.timedOut,
    'It is too late to complain about this upload.',
    ({ text, time }) => `faults of task ${text(0)} could be reported until ${time(1)}`,
  ),
  TaskConsensus_NothingToAdvance: reason(
    EXIT.temporary,
    'Wait for the deadline.',
    ({ text, time }) => `task ${text(0)} is ${named(TASK_STATES, text(1))} and within its deadline ${time(2)}`,
  ),

  // relays, parameters, owner
  TaskConsensus_RelayUnknown: reason(
    EXIT.usage,
    'Choose one of the relays in `crynux stats network`.',
    ({ text }) => `${text(0)} is not a relay of this network`,
  ),
  TaskConsensus_RelayZero: reason(EXIT.usage, 'Name the signer of the relay.', () => 'no relay is named'),
  TaskConsensus_RelayUrlLengthWrong: reason(
    EXIT.usage,
    RANGES,
    ({ text }) => `a relay URL of ${text(0)} characters is out of range: ${text(1)} to ${text(2)}`,
  ),
  TaskConsensus_TooManyRelays: reason(
    EXIT.usage,
    'Remove one first.',
    ({ text }) => `the network has ${text(0)} relays already, and can have no more`,
  ),
  Parameter_OutOfBounds: reason(
    EXIT.usage,
    RANGES,
    ({ text }) => `${textOfBytes32(text(0))} cannot be ${text(1)}: the contract allows ${text(2)} to ${text(3)}`,
  ),
  Parameter_UnbondingTooShort: reason(
    EXIT.usage,
    'Choose a longer unbonding time, or shorter deadlines.',
    ({ text }) => `unbonding of ${text(0)} s is shorter than the longest challenge, ${text(1)} s`,
  ),
  IncentivePool_RecipientZero: reason(EXIT.usage, 'Name the recipient.', () => 'no recipient is named'),
  IncentivePool_InsufficientFunds: reason(
    EXIT.insufficientFunds,
    'Name a smaller amount.',
    ({ cnx }) => `the incentive pool holds ${cnx(0)} CNX, and ${cnx(1)} CNX are needed`,
  ),
  OwnableUnauthorizedAccount: reason(
    EXIT.configuration,
    OWNER_ONLY,
    ({ text }) => `${text(0)} does not own the contract`,
  ),
}

/** The explanation of a contract error with these arguments. */
export function revertReasonOf(errorName: string, args: readonly unknown[] = []): RevertReason {
  const explain = Object.hasOwn(REASONS, errorName) ? REASONS[errorName] : undefined
  if (!explain) {
    const name = errorName === '' ? 'without a reason' : `with ${errorName}`
    return { message: `the contract refused the call ${name}`, remedy: LOOK_AGAIN, exitCode: EXIT.internal }
  }
  return explain({
    text: (index) => String(args[index]),
    cnx: (index) => formatCnx(BigInt(args[index] as bigint)),
    time: (index) => timeOf(Number(args[index])),
  })
}

/** True when a user gets a sentence of its own for this error. */
export const hasRevertReason = (errorName: string): boolean => Object.hasOwn(REASONS, errorName)

const named = (names: readonly string[], index: string): string => names[Number(index)] ?? index

const timeOf = (seconds: number): string =>
  seconds > 0 && seconds < 8e12 ? new Date(seconds * 1000).toISOString() : String(seconds)

const textOfBytes32 = (hex: string): string => Buffer.from(hex.slice(2), 'hex').toString('latin1').replace(/\0+$/, '')
