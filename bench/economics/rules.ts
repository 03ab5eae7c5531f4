/** What the owner of a network decides, as far as money is concerned. Amounts in CNX, shares from 0 to 1. */
export type Rules = {
  /** What a node locks, and loses for a lie. */
  stake: number
  /** Part of the present stake that silence costs. */
  penalty: number
  /** Part of the minimum stake that a paused node needs to resume. */
  resume: number
  /** Part of the fee that goes to those who agree on an error. */
  errorFee: number
}

/** What the contracts are deployed with; `test/contracts/Economics.t.sol` checks that they are. */
export const DEFAULT_RULES: Rules = { stake: 400, penalty: 0.02, resume: 0.75, errorFee: 0.2 }

/** What `crynux task submit` pays unless told otherwise, in CNX. */
export const DEFAULT_FEE = 30

/** The longest time for computing that a task may ask for, in seconds. */
export const LONGEST_EXECUTION_SECONDS = 7_200

/** How long after the start a node reports that there are no arguments, in seconds; `executeTask` of the node's role keeps to it. */
export const WAITS_FOR_ARGUMENTS_SECONDS = 120
