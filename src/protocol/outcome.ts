/** What a node reports about its work, as numbered on chain. */
export const OUTCOME = { result: 0, invalidArguments: 1, argumentsUnavailable: 2, modelUnavailable: 3 } as const
export type OutcomeName = keyof typeof OUTCOME
export type Outcome = (typeof OUTCOME)[OutcomeName]

/** The name of an outcome number, e.g. `result`. */
export const outcomeName = (outcome: number): OutcomeName =>
  (Object.keys(OUTCOME) as OutcomeName[]).find((name) => OUTCOME[name] === outcome) ?? 'result'
